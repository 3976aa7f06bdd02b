"""A burst over a hundred locks and five priorities: of the jobs with one lock, one at a time."""

from bench.burst import check_outcome, drain, waiting_workers
from bench.figures import Metric, Sample
from bench.peer import Peer, Work
from bench.workload import Bench, Workload

LOCKS, PRIORITIES, WORKERS = 100, 5, 2
JOBS = 2_000  # a peer that looks at each lock by itself takes 10 s for them


class Locks(Workload):
    name = "locks"
    title = f"drain over {LOCKS} locks and {PRIORITIES} priorities, {WORKERS} worker processes"
    metrics = (Metric("rate", title, "jobs/s"),)

    def offered_by(self, peer: Peer) -> bool:
        return super().offered_by(peer) and peer.offers(Work(1, locks=LOCKS, priorities=PRIORITIES))

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        jobs = min(JOBS, bench.drain_jobs(peer))
        with waiting_workers(bench, peer, WORKERS) as running:
            seconds = drain(bench, peer, [Work(jobs, locks=LOCKS, priorities=PRIORITIES)], running)
        check_outcome(bench, peer)
        return {"rate": jobs / seconds, "jobs": jobs, "seconds": seconds}
