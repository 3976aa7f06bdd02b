"""A full queue, and the same beside a session that holds a snapshot: nothing dead can be cleaned up then."""

import contextlib
import time
from collections.abc import Iterator

from bench.burst import waiting_workers
from bench.errors import Broken
from bench.figures import Metric, Sample
from bench.meter import Meter
from bench.peer import Peer, Work
from bench.workload import Bench, Workload

SHARE = 0.2  # of a drain's jobs, enqueued at a time
CPU = "CPU of the worker's backends"
BESIDE = "beside a held snapshot"
LEAD = 2  # at least so many times that are waiting


class Snapshot(Workload):
    name = "snapshot"
    title = "a full queue, 1 worker process"
    metrics = (
        Metric("control_rate", title, "jobs/s"),
        Metric("held_rate", f"{title}, {BESIDE}", "jobs/s"),
        Metric("share", f"{title}: beside : without", "x", least=0.85, digits=2),
        Metric("control_cpu", f"{title}: {CPU}", "us/job", higher_is_better=False, digits=1),
        Metric("held_cpu", f"{title}, {BESIDE}: {CPU}", "us/job", higher_is_better=False, digits=1),
    )
    once = True

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        control = _work(bench, peer, "control", contextlib.nullcontext())
        bench.begin(peer)
        held = _work(bench, peer, "held", _snapshot(bench, peer))
        return {**control, **held, "share": held["held_rate"] / control["control_rate"]}


def _work(bench: Bench, peer: Peer, name: str, beside: contextlib.AbstractContextManager[None]) -> Sample:
    """Who enqueues connects anew each time, so that the backends that stay are the worker's."""
    chunk, meter = Work(bench.some_jobs(peer, SHARE)), Meter(bench.server, peer.database, [])
    with waiting_workers(bench, peer, 1) as running, beside:
        queued = _top_up(bench, peer, chunk, bench.tally.total())
        meter.start()
        begin, first = time.monotonic(), bench.tally.total()
        while time.monotonic() < begin + bench.sizes.snapshot_seconds:
            queued = _top_up(bench, peer, chunk, queued)
            running[0].require_alive()
            time.sleep(0.01)
        jobs, seconds = bench.tally.total() - first, time.monotonic() - begin
        meter.stop()
    if not jobs:
        raise Broken(f"no job ended within {seconds:.0f} s")
    return {f"{name}_rate": jobs / seconds, f"{name}_cpu": meter.backends_us() / jobs}


def _top_up(bench: Bench, peer: Peer, chunk: Work, queued: int) -> int:
    """How many have been enqueued in all when LEAD chunks are waiting again."""
    while queued - bench.tally.total() < LEAD * chunk.count:
        peer.fill([chunk], lambda: None)
        queued += chunk.count
    return queued


@contextlib.contextmanager
def _snapshot(bench: Bench, peer: Peer) -> Iterator[None]:
    """Taken before the work and held until its end."""
    with bench.server.connect(peer.database) as conn:
        conn.execute("begin isolation level repeatable read")
        conn.execute("select txid_current_snapshot()")
        yield
