"""chancy, for Python: a thousand jobs at a time in one event loop, and as it comes."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import psycopg

from bench.installing import PythonPackages
from bench.peer import Work
from bench.peers.installed import LONG, WORKED, Installed
from bench.processes import Command
from bench.tally import Tally

# As its push does it; a job names the function that it runs.
_FILL = """
insert into chancy_jobs (id, queue, func, kwargs, limits, meta, priority, max_attempts, scheduled_at)
select uuidv7(), 'bench', replace(%(task)s, 'bench.', 'bench.tasks.counting.'),
       jsonb_strip_nulls(jsonb_build_object('n', n, 'ms', nullif(%(ms)s, 0))), '[]', '{}',
       coalesce(n %% nullif(%(priorities)s, 0), 0), 1, now()
  from generate_series(1, %(count)s) as n
"""
_NOTIFY = """select pg_notify('chancy_events', '{"t": "queue.pushed", "q": "bench"}')"""
_UNFINISHED = """
select exists (select from chancy_jobs where queue = 'bench' and state in ('pending', 'retrying'))
    or exists (select from chancy_jobs where queue = 'bench' and state = 'running')
"""
_OUTCOME = """
select count(*), count(*) filter (where state = 'succeeded'), coalesce(sum(attempts), 0) from chancy_jobs
"""


class Chancy(Installed):
    """What one gets who sets nothing: a queue takes one job per core every 5 s, so nothing is drained."""

    name = "chancy"
    settings = "as installed: a process per core, which takes a job every 5 s, so no drain is tried"
    keeps = "the job's row, for 24 hours"
    drain_jobs = 100
    leaves_out = LONG | WORKED
    packages = PythonPackages("chancy", {"chancy": "0.26.0", "psycopg[binary]": "3.3.9"})

    clear_sql = "truncate chancy_jobs"
    fill_sql = _FILL
    unfinished_sql = _UNFINISHED
    outcome_sql = _OUTCOME

    def migration(self) -> Command:
        return self._program("migrate")

    def signal(self, conn: psycopg.Connection[Any], work: Sequence[Work]) -> None:  # noqa: ARG002
        conn.execute(_NOTIFY)

    def offers(self, work: Work) -> bool:
        """Priorities; its unique keys refuse a second job instead of having it wait."""
        return not work.locks

    def worker(self, number: int, tally: Tally) -> Command:
        return self._program("work", tally.environment(number))

    def client(self, kind: str, *options: str) -> Command:
        return self.packages.command(["bench.clients.chancy", self.producer_dsn(), kind, *options])

    def _program(self, what: str, environment: Mapping[str, str] = {}, **options: int) -> Command:
        argv = ["bench.tasks.chancy_app", what, self.producer_dsn()]
        return self.packages.command(argv, {**self.settings_environment(**options), **environment})


class ChancyTuned(Chancy):
    """What its documentation says of many small jobs."""

    name = "chancy-tuned"
    settings = "1,000 jobs at a time in the event loop, eager polling, log level warning"
    drain_jobs = 12_000
    leaves_out = frozenset()
    options: ClassVar[Mapping[str, Any]] = {
        "executor": "chancy.executors.asyncex.AsyncExecutor",
        "concurrency": 1000,
        "eager_polling": True,
        "log_level": "WARNING",
    }

    def worker_with(self, slots: int, tally: Tally) -> Command:
        return self._program("work", tally.environment(0), concurrency=slots)
