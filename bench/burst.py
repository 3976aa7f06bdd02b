"""Workers that wait, work that comes all at once, and what must be true when it is done."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from bench.errors import Broken
from bench.peer import Peer, Work
from bench.processes import Command, Running, background, wait_until
from bench.workload import Bench

PATIENCE = 300.0
# Before the burst each process has run some jobs: what is timed is neither imports nor first plans.
WARM_UP_JOBS = 40


@contextlib.contextmanager
def waiting_workers(bench: Bench, peer: Peer, count: int) -> Iterator[list[Running]]:
    """Worker processes that are warm and have nothing to do."""
    with waiting(bench, peer, [peer.worker(number, bench.tally) for number in range(count)]) as running:
        yield running


@contextlib.contextmanager
def waiting(bench: Bench, peer: Peer, workers: Sequence[Command]) -> Iterator[list[Running]]:
    """The same for these commands; the tally's slots are in their order."""
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(background(worker, bench.logs / f"bench-{peer.name}-{number}.log"))
            for number, worker in enumerate(workers)
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
    bench: Bench,
    peer: Peer,
    work: Sequence[Work],
    running: list[Running],
    begun: Callable[[], None] = lambda: None,
) -> float:
    """Seconds until the last result is in the database; `begun` is called when the jobs are committed."""
    begin = burst(bench, peer, work, running, sum(each.count for each in work), begun)
    wait_until(lambda: not peer.unfinished(), PATIENCE, "the last result", *running)
    return time.monotonic() - begin


def burst(
    bench: Bench,
    peer: Peer,
    work: Sequence[Work],
    running: list[Running],
    ended: int,
    begun: Callable[[], None] = lambda: None,
) -> float:
    """Returns when `ended` of these jobs have; the moment of their commit on time.monotonic's clock."""
    tally, target, begin = bench.tally, bench.tally.total() + ended, 0.0

    def committed() -> None:
        nonlocal begin
        begun()
        begin = time.monotonic()

    peer.fill(work, committed)
    wait_until(lambda: tally.total() >= target, PATIENCE, "the last job", *running)
    return begin


def check_outcome(bench: Bench, peer: Peer) -> None:
    """Exactly once: the tasks counted as many runs as the peer's tables, and as there are jobs."""
    said, ran = peer.outcome(), bench.tally.total()
    if not said.jobs == said.succeeded == said.runs == ran:
        counted = f"{said.jobs} jobs, {said.succeeded} succeeded, {said.runs} attempts, {ran} runs"
        raise Broken(f"not exactly once: {counted}")
