"""A burst of no-op jobs, worked off by processes that were waiting for it."""

import contextlib
import time
from collections.abc import Callable, Iterator

from bench.errors import Broken
from bench.figures import Metric, Sample
from bench.peer import Peer, Work
from bench.processes import Running, background, wait_until
from bench.workload import Bench, Workload

PATIENCE = 300.0
# Before the burst each process has run some jobs: what is timed is neither imports nor first plans.
WARM_UP_JOBS = 40
EXPECTED = {1: 70.0}


class Drain(Workload):
    """From the commit of all jobs until the last result is in the database."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.name = f"drain-{workers}"
        plural = "es" if workers > 1 else ""
        self.title = f"drain, {workers} worker process{plural}"
        self.metrics = (Metric("rate", self.title, "jobs/s", times=EXPECTED.get(workers)),)

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        jobs = bench.drain_jobs(peer)
        with waiting_workers(bench, peer, self.workers) as running:
            seconds = drain(bench, peer, jobs, running)
        check_outcome(bench, peer)
        return {"rate": jobs / seconds, "jobs": jobs, "seconds": seconds}


@contextlib.contextmanager
def waiting_workers(bench: Bench, peer: Peer, count: int) -> Iterator[list[Running]]:
    """Worker processes that are warm and have nothing to do."""
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(
                background(peer.worker(number, bench.tally), bench.logs / f"bench-{peer.name}-{number}.log")
            )
            for number in range(count)
        ]
        _warm_up(bench, peer, running)
        yield running


def _warm_up(bench: Bench, peer: Peer, running: list[Running]) -> None:
    filled = 0
    while not all(bench.tally.per_slot(len(running))):
        filled += WARM_UP_JOBS
        peer.fill([Work(WARM_UP_JOBS)], lambda: None)
        wait_until(lambda: bench.tally.total() >= filled, PATIENCE, "the workers' first jobs", *running)  # noqa: B023
    wait_until(lambda: not peer.unfinished(), PATIENCE, "the workers' first results", *running)


def drain(
    bench: Bench, peer: Peer, jobs: int, running: list[Running], begun: Callable[[], None] = lambda: None
) -> float:
    """Seconds; `begun` is called when the jobs have been committed."""
    tally, target, begin = bench.tally, bench.tally.total() + jobs, 0.0

    def committed() -> None:
        nonlocal begin
        begun()
        begin = time.monotonic()

    peer.fill([Work(jobs)], committed)
    wait_until(lambda: tally.total() >= target, PATIENCE, "the last job", *running)
    wait_until(lambda: not peer.unfinished(), PATIENCE, "the last result", *running)
    return time.monotonic() - begin


def check_outcome(bench: Bench, peer: Peer) -> None:
    """Exactly once: the tasks counted as many runs as the peer's tables, and as there are jobs."""
    said, ran = peer.outcome(), bench.tally.total()
    if not said.jobs == said.succeeded == said.runs == ran:
        counted = f"{said.jobs} jobs, {said.succeeded} succeeded, {said.runs} attempts, {ran} runs"
        raise Broken(f"not exactly once: {counted}")
