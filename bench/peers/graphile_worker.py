"""graphile-worker, for Node: as its performance page sets it, and as it comes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from bench.installing import NodePackages
from bench.peer import Outcome, Work, parameters
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
select coalesce(pg_sequence_last_value(pg_get_serial_sequence('graphile_worker._private_jobs', 'id')), 0),
       (select count(*) from graphile_worker._private_jobs)
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

    def migration(self) -> Command:
        return self._program("migrate")

    def clear(self) -> None:
        with self.server.connect(self.database) as conn:
            conn.execute(_CLEAR)

    def fill(self, work: Sequence[Work], committed: Callable[[], None]) -> None:
        """Its function notifies within the transaction."""
        with self.server.connect(self.database, self.login) as conn:
            with conn.transaction():
                for each in work:
                    conn.execute(_FILL, parameters(each, each.count))
            committed()

    def offers(self, work: Work) -> bool:  # noqa: ARG002 (both; a lock is one of its named queues)
        return True

    def unfinished(self) -> bool:
        query = "select exists (select from graphile_worker._private_jobs)"
        return bool(self.server.one(query, database=self.database))

    def outcome(self) -> Outcome:
        with self.server.connect(self.database) as conn:
            row = conn.execute(_OUTCOME).fetchone()
        assert row is not None
        made, left = row
        return Outcome(made, made - left, made - left)

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
