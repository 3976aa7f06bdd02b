"""A burst of no-op jobs, worked off by processes that were waiting for it."""

from bench.burst import check_outcome, drain, waiting_workers
from bench.figures import Metric, Sample
from bench.peer import Peer, Work
from bench.workload import Bench, Workload

OF_CEILING = 0.75


class Drain(Workload):
    """From the commit of all jobs until the last result is in the database."""

    def __init__(self, workers: int, times: float) -> None:
        self.workers = workers
        self.name = f"drain-{workers}"
        plural = "es" if workers > 1 else ""
        self.title = f"drain, {workers} worker process{plural}"
        self.metrics = (Metric("rate", self.title, "jobs/s", times=times, of_ceiling=OF_CEILING),)

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        jobs = bench.drain_jobs(peer)
        with waiting_workers(bench, peer, self.workers) as running:
            seconds = drain(bench, peer, [Work(jobs)], running)
        check_outcome(bench, peer)
        return {"rate": jobs / seconds, "jobs": jobs, "seconds": seconds}
