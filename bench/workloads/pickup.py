"""From just before the enqueue call to the first line of the task, while the worker waits."""

from bench.burst import waiting_workers
from bench.errors import Broken
from bench.figures import Metric, Sample, percentile
from bench.peer import Peer
from bench.processes import answer_of, wait_until
from bench.workload import Bench, Workload

GAP = 0.05
PATIENCE = 30.0


class Pickup(Workload):
    name = "pickup"
    title = "pickup"
    metrics = (
        Metric("p50", "pickup, p50", "ms", higher_is_better=False, times=1.0, digits=1),
        Metric("p99", "pickup, p99", "ms", higher_is_better=False, times=1.0, digits=1),
    )

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        count = bench.sizes.pickups
        with waiting_workers(bench, peer, 1) as running:
            target = bench.tally.total() + count
            answer_of(peer.client("pickup", str(count), str(GAP)))
            wait_until(lambda: bench.tally.total() >= target, PATIENCE, "the last job", *running)
        seen = [nanoseconds / 1e6 for nanoseconds in bench.tally.latencies(count)]
        if min(seen) <= 0:
            raise Broken("a job never came")
        return {"p50": percentile(seen, 50), "p99": percentile(seen, 99)}
