"""pgqueuer, for Python: with large batches, and as it comes."""

from collections.abc import Mapping
from typing import Any, ClassVar

from bench.installing import PythonPackages
from bench.peer import Work
from bench.peers.installed import LONG, Installed
from bench.processes import Command
from bench.tally import Tally

# Its own enqueue's two rows per job; a trigger notifies.
_FILL = """
with job as (
    insert into pgqueuer (priority, entrypoint, payload, headers, status)
    select coalesce(n %% nullif(%(priorities)s, 0), 0), %(task)s,
           convert_to(json_strip_nulls(json_build_object('n', n, 'ms', nullif(%(ms)s, 0)))::text, 'utf8'),
           'null', 'queued'
      from generate_series(1, %(count)s) as n
    returning id, entrypoint, priority)
insert into pgqueuer_log (job_id, status, entrypoint, priority)
select id, 'queued', entrypoint, priority from job
"""
_OUTCOME = """
select count(*) filter (where status = 'queued'), count(*) filter (where status = 'successful'),
       count(*) filter (where status = 'picked')
  from pgqueuer_log
"""


class PgQueuer(Installed):
    """What one gets who sets nothing."""

    name = "pgqueuer"
    settings = "as installed: batches of 10, one connection"
    keeps = "three log rows per job; the job's own row is deleted"
    drain_jobs = 8_000
    leaves_out = LONG
    packages = PythonPackages("pgqueuer", {"pgqueuer": "1.6.0", "asyncpg": "0.32.0", "uvloop": "0.23.0"})

    clear_sql = "truncate pgqueuer, pgqueuer_log, pgqueuer_statistics"
    fill_sql = _FILL
    unfinished_sql = "select exists (select from pgqueuer)"
    outcome_sql = _OUTCOME

    def migration(self) -> Command:
        return self.packages.command(["pgqueuer", "--pg-dsn", self.producer_dsn(), "install"])

    def offers(self, work: Work) -> bool:
        """Priorities; what it serializes is an entrypoint, not a key."""
        return not work.locks

    def worker(self, number: int, tally: Tally) -> Command:
        return self._worker(tally.environment(number))

    def worker_with(self, slots: int, tally: Tally) -> Command:
        """It wants at least two batches to fit."""
        return self._worker(tally.environment(0), max_concurrent_tasks=slots, batch_size=slots // 2)

    def client(self, kind: str, *options: str) -> Command:
        argv = ["bench.clients.pgqueuer", self.producer_dsn(), kind, *options]
        return self.packages.command(argv, self.settings_environment())

    def _worker(self, environment: Mapping[str, str], **options: int) -> Command:
        argv = ["bench.tasks.pgqueuer_app", self.producer_dsn()]
        return self.packages.command(argv, {**self.settings_environment(**options), **environment})


class PgQueuerTuned(PgQueuer):
    """Its documentation's advice for throughput."""

    name = "pgqueuer-tuned"
    settings = "batches of 500, clients on a pool of 10 connections"
    drain_jobs = 60_000
    leaves_out = frozenset()
    options: ClassVar[Mapping[str, Any]] = {"batch_size": 500, "pool": 10}
