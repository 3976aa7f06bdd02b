"""What a workload is. One per file in bench/workloads."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.errors import Broken
from bench.figures import Metric, Sample
from bench.peer import Peer
from bench.server import Server
from bench.tally import Tally


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done; seconds are measured ones, without warm-up; `rounds` are those of a long queue."""

    drain_share: float = 1.0
    backlog_share: float = 1.0
    seconds: float = 3.0
    sustained_seconds: float = 15.0
    snapshot_seconds: float = 60.0
    idle_seconds: float = 60.0
    pickups: int = 300
    delayed_jobs: int = 1000
    delayed_seconds: float = 60.0
    idle_schedules: int = 10_000
    due_schedules: int = 1000
    rounds: int = 3


QUICK = Sizes(
    drain_share=0.1,
    backlog_share=0.01,
    seconds=1.0,
    sustained_seconds=2.0,
    snapshot_seconds=2.0,
    idle_seconds=5.0,
    pickups=20,
    delayed_jobs=50,
    delayed_seconds=3.0,
    idle_schedules=200,
    due_schedules=50,
    rounds=1,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every workload works with."""

    server: Server
    tally: Tally
    logs: Path
    sizes: Sizes

    def drain_jobs(self, peer: Peer) -> int:
        return self.some_jobs(peer, 1.0)

    def some_jobs(self, peer: Peer, share: float) -> int:
        """As many as fit its speed: that share of a drain's, 100 at least."""
        return max(100, int(peer.drain_jobs * self.sizes.drain_share * share))

    def begin(self, peer: Peer) -> None:
        """Nothing is left of what was before, neither jobs nor counts nor pages to write."""
        peer.clear()
        self.tally.clear()
        self.server.checkpoint()


Measured = Sample | Broken


class Workload(ABC):
    """`once`: one run says it all, since it counts and doesn't time."""

    name: str
    title: str
    metrics: Sequence[Metric]
    once = False

    def offered_by(self, peer: Peer) -> bool:
        return self.name not in peer.leaves_out

    def measure_all(self, bench: Bench, peers: Sequence[Peer]) -> Iterator[tuple[Peer, Measured]]:
        """One run of each peer, one after the other; a peer that fails doesn't stop the others."""
        for peer in peers:
            try:
                bench.begin(peer)
                yield peer, self.measure(bench, peer)
            except Broken as broken:
                yield peer, broken
            except psycopg.Error as error:
                yield peer, Broken(f"{type(error).__name__}: {error.diag.message_primary or error}")

    @abstractmethod
    def measure(self, bench: Bench, peer: Peer) -> Sample:
        """Raises Broken."""
