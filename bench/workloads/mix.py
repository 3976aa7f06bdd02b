"""One long job in the middle of short ones: does any of them wait behind it while a slot is free?"""

import time

from bench.burst import PATIENCE, burst, check_outcome, waiting
from bench.figures import Metric, Sample
from bench.peer import Peer, Work
from bench.processes import Running, wait_until
from bench.workload import Bench, Workload

SLOTS = 8
SHORT = 5  # milliseconds
LONG = 3_000
SHARE = 0.02  # of a drain's jobs
# One of eight slots is taken, so 8/7 is what it must cost. Who lets one wait takes as long as the long job.
MOST = 1.5


class Mix(Workload):
    name = "mix"
    title = f"jobs of {SHORT} ms around one of {LONG / 1000:g} s"
    metrics = (
        Metric("alone", f"{title}: the short ones without it", "ms", higher_is_better=False),
        Metric("beside", f"{title}: the short ones with it", "ms", higher_is_better=False),
        Metric("relative", f"{title}: with : without", "x", higher_is_better=False, most=MOST, digits=2),
    )

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        half = Work(bench.some_jobs(peer, SHARE) // 2, milliseconds=SHORT)
        with waiting(bench, peer, [peer.worker_with(SLOTS, bench.tally)]) as running:
            alone = _short_ones(bench, peer, [half, half], running)
            beside = _short_ones(bench, peer, [half, Work(1, milliseconds=LONG), half], running)
        check_outcome(bench, peer)
        return {"alone": alone * 1000, "beside": beside * 1000, "relative": beside / alone}


def _short_ones(bench: Bench, peer: Peer, work: list[Work], running: list[Running]) -> float:
    """Seconds from the commit until as many jobs have ended as there are short ones."""
    begin = burst(bench, peer, work, running, sum(each.count for each in work if each.milliseconds == SHORT))
    seconds = time.monotonic() - begin
    wait_until(lambda: not peer.unfinished(), PATIENCE, "the long job", *running)
    return seconds
