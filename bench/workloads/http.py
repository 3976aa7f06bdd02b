"""POST of one job over HTTP, authenticated, validated and durable, on connections that stay open."""

import contextlib
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from bench.clients.http import SEPARATOR
from bench.errors import Broken
from bench.figures import Metric, Sample
from bench.peer import Peer, Service
from bench.processes import Command, Running, answer_of, background, wait_until
from bench.workload import Bench, Workload

START_SECONDS = 30.0


class HttpEnqueue(Workload):
    def __init__(self, connections: int, times: float) -> None:
        self.connections = connections
        self.name = f"http-{connections}"
        self.title = f"enqueue over HTTP, {connections} connections"
        self.metrics = (
            Metric("rate", self.title, "requests/s", times=times, against="enqueue-single"),
            Metric("p50", f"{self.title}: p50", "ms", higher_is_better=False, digits=1),
            Metric("p99", f"{self.title}: p99", "ms", higher_is_better=False, digits=1),
        )

    def offered_by(self, peer: Peer) -> bool:
        return super().offered_by(peer) and peer.service() is not None

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        with served(bench, peer) as (service, _):
            answer = load(service, self.connections, bench.sizes.seconds)
        return {
            "rate": answer["jobs"] / answer["seconds"],
            "p50": answer["p50"] * 1000,
            "p99": answer["p99"] * 1000,
            "generator_cpu_us": answer["generator_cpu"] / answer["jobs"] * 1e6,
        }


@contextlib.contextmanager
def served(bench: Bench, peer: Peer) -> Iterator[tuple[Service, Running]]:
    """The peer's HTTP server, ready."""
    service = peer.service()
    if service is None:
        raise Broken(f"{peer.name} has no HTTP API")
    with background(service.command, bench.logs / f"bench-{peer.name}-http.log") as running:
        wait_until(lambda: _is_ready(service), START_SECONDS, "the HTTP server", running)
        yield service, running


def load(service: Service, connections: int, seconds: float, follow: bytes = b"") -> dict[str, Any]:
    """What the load generator's process measured; a refusal breaks it. `follow`: as in Service."""
    argv = [sys.executable, "-m", "bench.clients.http", str(service.port), str(connections), str(seconds)]
    answer = answer_of(Command(argv), stdin=service.request + SEPARATOR + follow)
    if answer["refused"] or not answer["jobs"]:
        raise Broken(f"{answer['refused']} requests were refused, {answer['jobs']} accepted")
    return answer


def _is_ready(service: Service) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{service.port}{service.ready}", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
