"""A burst of jobs that wait 5 ms for the outside world, as many at a time as the worker has slots."""

from bench.burst import check_outcome, drain, waiting
from bench.figures import Metric, Sample
from bench.peer import Peer, Work
from bench.workload import Bench, Workload

MILLISECONDS = 5
SLOTS = 100
SHARE = 0.2  # of a drain's jobs


class Naps(Workload):
    name = "work-5ms"
    title = f"jobs of {MILLISECONDS} ms, 1 worker process"
    metrics = (Metric("rate", title, "jobs/s"),)

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        jobs = bench.some_jobs(peer, SHARE)
        with waiting(bench, peer, [peer.worker_with(SLOTS, bench.tally)]) as running:
            seconds = drain(bench, peer, [Work(jobs, milliseconds=MILLISECONDS)], running)
        check_outcome(bench, peer)
        return {"rate": jobs / seconds, "jobs": jobs, "seconds": seconds}
