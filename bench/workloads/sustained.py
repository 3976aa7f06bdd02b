"""Clients enqueue one by one while a worker works: finished jobs per second."""

import time

from bench.burst import PATIENCE, check_outcome, waiting_workers
from bench.figures import Metric, Sample
from bench.peer import Peer
from bench.processes import Running, background, wait_until
from bench.workload import Bench, Workload

CLIENTS = 8
SETTLE = 0.5
# The clients go on for longer than is measured, so that the window lies within their work.
BEYOND = 1.5


class Sustained(Workload):
    name = "sustained"
    title = f"enqueue one by one, {CLIENTS} clients, while 1 worker process works"
    metrics = (Metric("rate", title, "jobs/s", times=3.0),)

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        seconds = bench.sizes.sustained_seconds
        clients = peer.client("single", str(CLIENTS), str(seconds + BEYOND))
        with waiting_workers(bench, peer, 1) as running:
            with background(clients, bench.logs / f"bench-{peer.name}-clients.log") as enqueuing:
                rate = _rate(bench, seconds, [enqueuing, *running])
                wait_until(lambda: enqueuing.popen.poll() is not None, PATIENCE, "the clients' end", *running)
            wait_until(lambda: not peer.unfinished(), PATIENCE, "the backlog", *running)
        check_outcome(bench, peer)
        return {"rate": rate}


def _rate(bench: Bench, seconds: float, running: list[Running]) -> float:
    """Of the jobs that ended within the window, which begins soon after the first one."""
    before = bench.tally.total()
    wait_until(lambda: bench.tally.total() > before, PATIENCE, "the first job", *running)
    time.sleep(SETTLE)
    begin, first = time.monotonic(), bench.tally.total()
    time.sleep(seconds)
    rate = (bench.tally.total() - first) / (time.monotonic() - begin)
    for process in running:
        process.require_alive()
    return rate
