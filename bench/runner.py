"""Runs the workloads, peers by turns, so that what the machine does meanwhile hits all of them alike."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import Broken
from bench.figures import Sample
from bench.options import Options
from bench.peer import Peer
from bench.peers import PEERS
from bench.server import Server
from bench.tally import Tally
from bench.workload import Bench, Workload
from bench.workloads import WORKLOADS
from devstack.state import ROOT, State


@dataclass(frozen=True, slots=True)
class Result:
    """All runs of one workload: samples by peer, and what went wrong."""

    workload: Workload
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def install(server: Server, names: Sequence[str]) -> tuple[list[Peer], list[str]]:
    """Those that could be installed, and why others could not."""
    installed, problems = [], []
    for peer in [PEERS[name](server) for name in names]:
        try:
            peer.install()
            installed.append(peer)
        except Broken as broken:
            problems.append(f"{peer.name}: {broken}")
    return installed, problems


def run_all(server: Server, peers: Sequence[Peer], options: Options) -> Iterator[Result]:
    """One result per workload, as soon as it is there."""
    with _bench(server, options) as bench:
        for name in options.workloads:
            offered = [peer for peer in peers if WORKLOADS[name].offered_by(peer)]
            yield run(bench, WORKLOADS[name], offered, options.runs)


def run(bench: Bench, workload: Workload, peers: Sequence[Peer], runs: int) -> Result:
    result = Result(workload)
    for number in range(1 if workload.once else runs):
        for peer, measured in workload.measure_all(bench, _turned(peers, number)):
            if isinstance(measured, Broken):
                result.problems.append(f"{workload.name}, {peer.name}: {measured}")
            else:
                result.samples.setdefault(peer.name, []).append(measured)
    return result


def _turned(peers: Sequence[Peer], number: int) -> list[Peer]:
    """Another one begins each time."""
    start = number % len(peers) if peers else 0
    return [*peers[start:], *peers[:start]]


@contextmanager
def _bench(server: Server, options: Options) -> Iterator[Bench]:
    logs = State(ROOT / ".dev").logs
    path = logs / "bench.tally"
    path.unlink(missing_ok=True)
    try:
        yield Bench(server, Tally(path), logs, options.sizes)
    finally:
        for left in logs.glob("bench*.tally"):
            Path(left).unlink()
