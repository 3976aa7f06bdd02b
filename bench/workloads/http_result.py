"""POST of a job, then the request that waits for its result, over HTTP: what a caller waits for an answer."""

from bench.burst import waiting_workers
from bench.figures import Metric, Sample
from bench.peer import Peer
from bench.workload import Bench, Workload
from bench.workloads.http import load, served

CONNECTIONS = 8


class HttpResult(Workload):
    name = "http-result"
    title = f"enqueue and result over HTTP, {CONNECTIONS} connections"
    metrics = (
        Metric("rate", title, "jobs/s"),
        Metric("p50", f"{title}: p50", "ms", higher_is_better=False, digits=1),
        Metric("p99", f"{title}: p99", "ms", higher_is_better=False, digits=1),
    )

    def offered_by(self, peer: Peer) -> bool:
        service = peer.service()
        return super().offered_by(peer) and service is not None and bool(service.follow)

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        with waiting_workers(bench, peer, 1), served(bench, peer) as (service, _):
            answer = load(service, CONNECTIONS, bench.sizes.seconds, service.follow)
        return {
            "rate": answer["jobs"] / answer["seconds"],
            "p50": answer["p50"] * 1000,
            "p99": answer["p99"] * 1000,
        }
