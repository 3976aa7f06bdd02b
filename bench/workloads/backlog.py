"""One worker over a queue that is long already: from its process' start to its first job, then its pace.

The queue grows from one size to the next. At each one a few rounds: a fresh worker process, a window of
jobs, and what it took is enqueued again.
"""

import contextlib
import time
from collections.abc import Iterator
from statistics import median

from bench.errors import Broken
from bench.figures import Metric, Sample, medians
from bench.meter import Meter
from bench.peer import Peer, Work
from bench.processes import Running, background, wait_until
from bench.workload import Bench, Workload

SIZES = {"20k": 20_000, "1m": 1_000_000, "5m": 5_000_000}
LEAST = 2_000  # of --quick
WARM_UP, WINDOW = 0.1, 0.7  # of the smallest size: its queue must not run empty
PATIENCE = 120.0
# A size is left out for a peer that would be longer than this about filling it.
FILL_SECONDS = 300.0
CHUNK = 50_000
LABELS = {"1": "1", "20k": "20,000", "1m": "1 million", "5m": "5 million"}
CPU = "CPU of PostgreSQL's backends"
START = "process start to first job"
COST = 1.1


def _less(key: str, title: str, unit: str, digits: int, most: float | None = None) -> Metric:
    return Metric(key, title, unit, higher_is_better=False, digits=digits, most=most)


class Backlog(Workload):
    name = "backlog"
    title = "a long queue"
    metrics = (
        *(Metric(f"rate_{size}", f"1 worker process, {LABELS[size]} queued", "jobs/s") for size in SIZES),
        _less("time_5m", "time per job, 5 million queued : 20,000", "x", 2, most=COST),
        *(_less(f"cpu_{size}", f"{CPU}, {LABELS[size]} queued", "us/job", 1) for size in SIZES),
        _less("cost_5m", f"{CPU}, 5 million queued : 20,000", "x", 2, most=COST),
        *(_less(f"start_{size}", f"{START}, {LABELS[size]} queued", "s", 2) for size in ("1", *SIZES)),
        _less("start_part", f"{START}, 5 million queued - 1", "s", 2, most=1.0),
        _less("start_cpu_5m", f"{START}, 5 million queued: {CPU}", "s", 2),
    )
    once = True

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        try:
            return _measure(Queue(bench, peer))
        finally:
            peer.clear()  # or the next peer would be measured beside a full disk cache


def _measure(queue: "Queue") -> Sample:
    rounds = range(queue.rounds)
    sample = {"start_1": median(queue.start_on_one() for _ in rounds)}
    for name, rows in SIZES.items():
        if queue.seconds_to(rows) > FILL_SECONDS:
            return sample
        figures = medians([queue.round(rows) for _ in rounds])
        sample |= {f"{key}_{name}": value for key, value in figures.items()}
    sample["time_5m"] = sample["rate_20k"] / sample["rate_5m"]
    sample["cost_5m"] = sample["cpu_5m"] / sample["cpu_20k"]
    sample["start_part"] = max(0.0, sample["start_5m"] - sample["start_1"])
    return sample


class Queue:
    """A peer's queue as it grows; `--quick` shrinks every size."""

    def __init__(self, bench: Bench, peer: Peer) -> None:
        self._bench, self._peer = bench, peer
        self.rounds = bench.sizes.rounds
        self._enqueued, self._seconds_per_job = 0, 0.0

    def seconds_to(self, rows: int) -> float:
        """How long filling it up to there takes, at the pace of the last size."""
        return (self._shrunk(rows) - self._waiting()) * self._seconds_per_job

    def start_on_one(self) -> float:
        self._fill(1)
        with self._started() as (_, seconds):
            return seconds

    def round(self, rows: int) -> Sample:
        self._fill(self._shrunk(rows))
        until_first = self._meter()
        until_first.start()
        with self._started() as (running, seconds):
            until_first.stop()
            return {"start": seconds, "start_cpu": until_first.backends_us() / 1e6, **self._window(running)}

    def _shrunk(self, rows: int) -> int:
        return max(LEAST, int(rows * self._bench.sizes.backlog_share))

    def _waiting(self) -> int:
        return self._enqueued - self._bench.tally.total()

    def _fill(self, rows: int) -> None:
        """Vacuumed and analyzed, as a queue that has been long for a while."""
        begin, missing = time.monotonic(), max(0, rows - self._waiting())
        for start in range(0, missing, CHUNK):
            self._peer.fill([Work(min(CHUNK, missing - start))], lambda: None)
        self._enqueued += missing
        if missing >= LEAST:
            self._seconds_per_job = (time.monotonic() - begin) / missing
        with self._bench.server.connect(self._peer.database) as conn:
            conn.execute("vacuum (analyze)")
        self._bench.server.checkpoint()

    @contextlib.contextmanager
    def _started(self) -> Iterator[tuple[Running, float]]:
        """A worker process that has run its first job, and the seconds from its start until then."""
        tally, log = self._bench.tally, self._bench.logs / f"bench-{self._peer.name}-backlog.log"
        ran, begin = tally.total(), time.monotonic()
        with background(self._peer.worker(0, tally), log) as running:
            wait_until(lambda: tally.total() > ran, PATIENCE, "the first job", running)
            yield running, time.monotonic() - begin

    def _window(self, running: Running) -> Sample:
        smallest = self._shrunk(min(SIZES.values()))
        self._run(running, int(WARM_UP * smallest))
        meter = self._meter()
        meter.start()
        jobs, seconds = self._run(running, int(WINDOW * smallest))
        meter.stop()
        return {"rate": jobs / seconds, "cpu": meter.backends_us() / jobs}

    def _meter(self) -> Meter:
        return Meter(self._bench.server, self._peer.database, [])

    def _run(self, running: Running, jobs: int) -> tuple[int, float]:
        """That many jobs, or fewer where a slow peer's time is over; and the seconds they took."""
        tally, begin = self._bench.tally, time.monotonic()
        first, end = tally.total(), begin + self._bench.sizes.seconds
        wait_until(
            lambda: tally.total() >= first + jobs or time.monotonic() > end, PATIENCE, "some jobs", running
        )
        ran = tally.total() - first
        if not ran:
            raise Broken(f"no job ended within {self._bench.sizes.seconds:.0f} s")
        return ran, time.monotonic() - begin
