"""A thousand jobs a call, one client."""

from bench.figures import Metric, Sample
from bench.peer import Peer
from bench.processes import answer_of
from bench.workload import Bench, Workload

SIZE = 1_000


class EnqueueBulk(Workload):
    name = "enqueue-bulk"
    title = "enqueue in bulk, 1,000 a call"
    metrics = (Metric("rate", title, "jobs/s", times=2.5),)

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        answer = answer_of(peer.client("bulk", str(SIZE), str(bench.sizes.seconds)))
        return {"rate": answer["jobs"] / answer["seconds"]}
