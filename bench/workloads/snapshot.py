"""A full queue, and the same beside a session that holds a snapshot: nothing dead can be cleaned up then."""

import contextlib
import time
from collections.abc import Iterator

from bench.burst import waiting_workers
from bench.figures import Metric, Sample
from bench.peer import Peer, Work
from bench.workload import Bench, Workload

SHARE = 0.2  # of a drain's jobs, enqueued at a time
LEAD = 2  # at least so many times that are waiting


class Snapshot(Workload):
    name = "snapshot"
    title = "a full queue, 1 worker process"
    metrics = (
        Metric("control", title, "jobs/s"),
        Metric("held", f"{title}, beside a held snapshot", "jobs/s"),
        Metric("share", f"{title}: held : control", "x", least=0.85, digits=2),
    )
    once = True

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        control = _rate(bench, peer, contextlib.nullcontext())
        bench.begin(peer)
        held = _rate(bench, peer, _snapshot(bench, peer))
        return {"control": control, "held": held, "share": held / control}


def _rate(bench: Bench, peer: Peer, beside: contextlib.AbstractContextManager[None]) -> float:
    chunk = Work(bench.some_jobs(peer, SHARE))
    with waiting_workers(bench, peer, 1) as running, beside:
        queued = _top_up(bench, peer, chunk, bench.tally.total())
        begin, first = time.monotonic(), bench.tally.total()
        while time.monotonic() < begin + bench.sizes.snapshot_seconds:
            queued = _top_up(bench, peer, chunk, queued)
            running[0].require_alive()
            time.sleep(0.01)
        return (bench.tally.total() - first) / (time.monotonic() - begin)


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
