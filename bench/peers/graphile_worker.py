"""graphile-worker, for Node: as its performance page sets it, and as it comes."""

from collections.abc import Mapping
from typing import Any, ClassVar

from bench.installing import NodePackages
from bench.peer import Work
from bench.peers.installed import LONG, Installed, script
from bench.processes import Command
from bench.tally import Tally

_FILL = """
select from graphile_worker.add_jobs(array(
    select row (%(task)s::text, json_strip_nulls(json_build_object('n', n, 'ms', nullif(%(ms)s, 0))),
                'queue ' || n %% nullif(%(locks)s, 0), null, null, null,
                n %% nullif(%(priorities)s, 0), null)::graphile_worker.job_spec
      from generate_series(1, %(count)s) as n))
"""
_CLEAR = "truncate graphile_worker._private_jobs, graphile_worker._private_job_queues restart identity"
# A finished job's row is gone. The numbers given out say how many there were; what isn't left has succeeded.
_OUTCOME = """
select made, made - kept, made - kept
  from pg_get_serial_sequence('graphile_worker._private_jobs', 'id') as numbers,
       coalesce(pg_sequence_last_value(numbers), 0) as made,
       (select count(*) as kept from graphile_worker._private_jobs) as jobs
"""


class GraphileWorker(Installed):
    """What one gets who sets nothing: it logs each job."""

    name = "graphile-worker"
    settings = "as installed: concurrency 1, no local queue, a log line per job"
    keeps = "nothing: a finished job's row is deleted"
    drain_jobs = 2_000
    leaves_out = LONG
    packages = NodePackages("graphile-worker", {"graphile-worker": "0.18.0"})
    environment: ClassVar[Mapping[str, str]] = {}

    clear_sql = _CLEAR
    fill_sql = _FILL
    unfinished_sql = "select exists (select from graphile_worker._private_jobs)"
    outcome_sql = _OUTCOME

    def migration(self) -> Command:
        return self._program("migrate")

    def offers(self, work: Work) -> bool:  # noqa: ARG002 (both; a lock is one of its named queues)
        return True

    def worker(self, number: int, tally: Tally) -> Command:
        return self._program("work", {**self.environment, **tally.environment(number)})

    def worker_with(self, slots: int, tally: Tally) -> Command:
        """Its documentation wants a pool a little larger than that."""
        environment = {**self.environment, **tally.environment(0)}
        return self._program("work", environment, concurrentJobs=slots, maxPoolSize=slots + 2)

    def client(self, kind: str, *options: str) -> Command:
        argv = [script("clients/enqueue.cjs"), "graphile_worker", self.producer_dsn(), kind, *options]
        return self.packages.command(argv, self.settings_environment())

    def _program(self, what: str, environment: Mapping[str, str] = {}, **options: int) -> Command:
        argv = [script("tasks/graphile_worker.cjs"), what, self.producer_dsn()]
        return self.packages.command(argv, {**self.settings_environment(**options), **environment})


class GraphileWorkerTuned(GraphileWorker):
    """As its documentation measures it."""

    name = "graphile-worker-tuned"
    settings = "concurrency 24, a local queue of 500, completions batched, no log line per job"
    drain_jobs = 100_000
    leaves_out = frozenset()
    options: ClassVar[Mapping[str, Any]] = {
        "concurrentJobs": 24,
        "maxPoolSize": 25,
        "localQueue": {"size": 500},
        "completeJobBatchDelay": 0,
        "failJobBatchDelay": 0,
    }
    environment: ClassVar[Mapping[str, str]] = {"NO_LOG_SUCCESS": "1"}
