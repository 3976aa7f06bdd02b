"""Jobs that are due one after the other while workers sleep: how late they start, and how often who looks."""

import sys
import time

from bench.errors import Broken
from bench.figures import Metric, Sample, percentile
from bench.peer import Peer
from bench.peers.onewriter import Onewriter
from bench.processes import Command, background, wait_until
from bench.workload import Bench, Workload

WORKERS = (1, 8, 50)
PATIENCE = 120.0
# From the enqueue to the first one that is due: what enqueuing costs is over by then.
AHEAD = 2.0
EXCHANGE = "worker_api.exchange"

_FILL = """
select server_api.enqueue_batch(
    (select json_agg(json_build_object('task', 'bench.noop', 'queue', 'bench', 'args', '{"n": 1}'::json,
                                       'delay', %s + random() * %s)) from generate_series(1, %s))::text,
    '{"kind": "sql"}', null)
"""
_LATENESS = """
select extract(epoch from started_at - due_at)::float8 * 1000 from procrastinate.procrastinate_jobs
"""
_SESSIONS = "select count(*) from jobs.session where closed_at is null and lost_at is null"
_CLOSE = "update jobs.session set closed_at = clock_timestamp() where closed_at is null"


def _metrics(workers: int) -> tuple[Metric, ...]:
    title = f"delayed jobs, {workers} idle worker{'s' if workers > 1 else ''}"
    return (
        Metric(f"p50_{workers}", f"{title}: late, p50", "ms", higher_is_better=False, most=10.0, digits=1),
        Metric(f"p99_{workers}", f"{title}: late, p99", "ms", higher_is_better=False, digits=1),
        Metric(f"exchanges_{workers}", f"{title}: exchanges", "per job", higher_is_better=False, digits=2),
    )


class Delayed(Workload):
    """Exchanges without the heartbeats, which an idle worker has anyway."""

    name = "delayed"
    title = "delayed jobs"
    metrics = tuple(metric for workers in WORKERS for metric in _metrics(workers))
    once = True

    def offered_by(self, peer: Peer) -> bool:
        return isinstance(peer, Onewriter)

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        assert isinstance(peer, Onewriter)
        return {key: value for workers in WORKERS for key, value in _sample(bench, peer, workers).items()}


def _sample(bench: Bench, peer: Onewriter, workers: int) -> Sample:
    bench.begin(peer)
    worker = peer.worker(0, bench.tally)
    command = Command(
        [sys.executable, "-m", "bench.tasks.onewriter_workers", str(workers)], worker.environment
    )
    with peer.server.connect(peer.database) as conn:
        conn.execute(_CLOSE)
    with background(command, bench.logs / f"bench-{peer.name}-delayed.log") as running:
        wait_until(
            lambda: peer.server.one(_SESSIONS, database=peer.database) == workers,
            PATIENCE,
            "sessions",
            running,
        )
        jobs, seconds = bench.sizes.delayed_jobs, bench.sizes.delayed_seconds
        with peer.server.counting_statements(EXCHANGE) as counted:
            began = time.monotonic()
            with peer.server.connect(peer.database) as conn:
                conn.execute(_FILL, [AHEAD, seconds, jobs])
                conn.execute("notify ow_any")
            wait_until(lambda: not peer.unfinished(), AHEAD + seconds + PATIENCE, "the last job", running)
            beats = workers * (time.monotonic() - began) / peer.heartbeat
    with peer.server.connect(peer.database) as conn:
        late = [row[0] for row in conn.execute(_LATENESS)]
    if len(late) != jobs or None in late:
        raise Broken(f"{len(late)} jobs of {jobs}")
    return {
        f"p50_{workers}": percentile(late, 50),
        f"p99_{workers}": percentile(late, 99),
        f"exchanges_{workers}": max(counted.total() - beats, 0.0) / jobs,
    }
