"""What a job costs: CPU on both sides, WAL and commits, while one worker drains and while HTTP enqueues."""

from bench.burst import check_outcome, drain, waiting_workers
from bench.figures import Metric, Sample
from bench.meter import Meter
from bench.peer import Peer, Work
from bench.workload import Bench, Workload
from bench.workloads.http import load, served

CONNECTIONS = 64


def _rows(key: str, what: str, process: str) -> tuple[Metric, ...]:
    rows = (
        ("process_us", f"CPU of {process}", "us/job", 1),
        ("backend_us", "CPU of PostgreSQL's backends", "us/job", 1),
        ("wal_bytes", "WAL", "bytes/job", 0),
        ("commits", "commits", "per job", 4),
    )
    return tuple(
        Metric(f"{key}_{name}", f"{what}: {title}", unit, higher_is_better=False, digits=digits)
        for name, title, unit, digits in rows
    )


class Cost(Workload):
    name = "cost"
    title = "cost per job"
    metrics = (
        *_rows("drain", "drain", "the worker"),
        *_rows("http", f"HTTP, {CONNECTIONS} connections", "the API"),
    )

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        sample = _of_drain(bench, peer)
        if peer.service() is not None:
            peer.clear()
            sample |= _of_http(bench, peer)
        return sample


def _of_drain(bench: Bench, peer: Peer) -> Sample:
    jobs = bench.drain_jobs(peer)
    with waiting_workers(bench, peer, 1) as running:
        meter = Meter(bench.server, peer.database, running)
        drain(bench, peer, [Work(jobs)], running, begun=meter.start)
        meter.stop()
    check_outcome(bench, peer)
    return meter.per_job("drain", jobs)


def _of_http(bench: Bench, peer: Peer) -> Sample:
    with served(bench, peer) as (service, running):
        load(service, CONNECTIONS, 0.5)
        peer.clear()
        meter = Meter(bench.server, peer.database, [running])
        meter.start()
        load(service, CONNECTIONS, bench.sizes.seconds)
        meter.stop()
    return meter.per_job("http", peer.outcome().jobs)
