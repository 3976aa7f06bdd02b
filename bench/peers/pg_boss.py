"""pg-boss, for Node: in batches and woken by NOTIFY, and as it comes."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import psycopg

from bench.installing import NodePackages
from bench.peer import Work
from bench.peers.installed import LONG, WORKED, Installed, script
from bench.processes import Command
from bench.tally import Tally

# A queue per kind of job, as its documentation has it; defaults are the queue's, as in its own insert.
_FILL = """
insert into pgboss.job (name, data, priority, start_after, expire_seconds, deletion_seconds, keep_until,
                        retry_limit, retry_delay, retry_backoff, policy)
select name, jsonb_strip_nulls(jsonb_build_object('n', n, 'ms', nullif(%(ms)s, 0))),
       coalesce(n %% nullif(%(priorities)s, 0), 0), now(), expire_seconds, deletion_seconds,
       now() + make_interval(secs => retention_seconds), retry_limit, retry_delay, retry_backoff, policy
  from pgboss.queue, generate_series(1, %(count)s) as n
 where name = %(task)s
"""
_NOTIFY = """
select pg_notify('pgboss_' || left(encode(sha224('pgboss'), 'hex'), 24), name)
  from pgboss.queue where name = %s and notify
"""
_UNFINISHED = """
select exists (select from pgboss.job where name like 'bench.%' and state < 'completed')
"""
_OUTCOME = """
select count(*), count(*) filter (where state = 'completed'), coalesce(sum(retry_count + 1), 0)
  from pgboss.job where name like 'bench.%'
"""


class PgBoss(Installed):
    """What one gets who sets nothing: one job every two seconds, so nothing is drained."""

    name = "pg-boss"
    settings = "as installed: a queue's worker takes one job every 2 s, so no drain is tried"
    keeps = "the job's row, for 7 days"
    drain_jobs = 100
    leaves_out = LONG | WORKED
    packages = NodePackages("pg-boss", {"pg-boss": "12.30.0"})

    clear_sql = "truncate pgboss.job"
    fill_sql = _FILL
    unfinished_sql = _UNFINISHED
    outcome_sql = _OUTCOME

    def migration(self) -> Command:
        return self._program("migrate")

    def signal(self, conn: psycopg.Connection[Any], work: Sequence[Work]) -> None:
        """As its own insert does, within the transaction."""
        for task in {each.task for each in work}:
            conn.execute(_NOTIFY, [task])

    def offers(self, work: Work) -> bool:
        """Priorities; its locks are policies of a whole queue, which such a batch of jobs breaks."""
        return not work.locks

    def worker(self, number: int, tally: Tally) -> Command:
        return self._program("work", tally.environment(number))

    def client(self, kind: str, *options: str) -> Command:
        argv = [script("clients/enqueue.cjs"), "pg_boss", self.producer_dsn(), kind, *options]
        return self.packages.command(argv, self.settings_environment())

    def _program(self, what: str, environment: Mapping[str, str] = {}, **options: int) -> Command:
        argv = [script("tasks/pg_boss.cjs"), what, self.producer_dsn()]
        return self.packages.command(argv, {**self.settings_environment(**options), **environment})


class PgBossTuned(PgBoss):
    """Everything that its documentation offers for throughput and for latency."""

    name = "pg-boss-tuned"
    settings = "batches of 500, the next one at once while they are full, workers woken by NOTIFY"
    drain_jobs = 80_000
    leaves_out = frozenset()
    options: ClassVar[Mapping[str, Any]] = {
        "batchSize": 500,
        "burstWhenBatchFull": True,
        "notify": True,
    }

    def worker_with(self, slots: int, tally: Tally) -> Command:
        """A batch's jobs run at once; the next batch begins when all of them have ended."""
        return self._program("work", tally.environment(0), batchSize=slots)
