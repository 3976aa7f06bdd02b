"""One job a call, eight clients at once, each awaiting its own."""

from bench.figures import Metric, Sample
from bench.peer import Peer
from bench.processes import answer_of
from bench.workload import Bench, Workload

CLIENTS = 8


class EnqueueSingle(Workload):
    name = "enqueue-single"
    title = f"enqueue one by one, {CLIENTS} clients"
    metrics = (Metric("rate", title, "jobs/s", times=4.0),)

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        answer = answer_of(peer.client("single", str(CLIENTS), str(bench.sizes.seconds)))
        return {"rate": answer["jobs"] / answer["seconds"]}
