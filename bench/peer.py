"""What a queue must offer to be measured. One peer per file in bench/peers."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from bench.clients.producing import Producer
from bench.processes import Command
from bench.server import Server
from bench.tally import Tally


@dataclass(frozen=True, slots=True)
class Work:
    """What to enqueue: `count` jobs that sleep `milliseconds` each (0: no-ops), spread over so many `locks`

    (of those with the same lock one runs at a time) and `priorities`; 0 is without.
    """

    count: int
    milliseconds: int = 0
    locks: int = 0
    priorities: int = 0

    @property
    def task(self) -> str:
        """bench.noop takes {"n": 1}, bench.nap {"n": 1, "ms": 5}."""
        return "bench.nap" if self.milliseconds else "bench.noop"


def parameters(work: Work, count: int) -> dict[str, str | int]:
    """For a statement that makes `count` of these jobs in the database."""
    return {
        "task": work.task,
        "ms": work.milliseconds,
        "locks": work.locks,
        "priorities": work.priorities,
        "count": count,
    }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the peer's own tables say of its jobs; `runs` are attempts, each hand-out counted."""

    jobs: int
    succeeded: int
    runs: int


@dataclass(frozen=True, slots=True)
class Idle:
    """A process that only waits; its statements are told from others by its login."""

    label: str
    login: str
    command: Command


@dataclass(frozen=True, slots=True)
class Service:
    """A server that enqueues over HTTP: `request` is one whole request that does it."""

    command: Command
    port: int
    ready: str
    request: bytes
    # The request for the job's result when it is there; {id} stands for the id that the first one answered.
    follow: bytes = b""


class Peer(ABC):
    """`keeps` says what a finished job leaves behind; `drain_jobs` is the size of a full run.

    `leaves_out` names workloads that would only repeat what another mode of the same queue shows.
    `ceiling` marks what is no queue but shows how fast one could be: no ratio counts it as a peer.
    """

    name: str
    settings: str
    keeps: str
    drain_jobs: int
    leaves_out: frozenset[str] = frozenset()
    ceiling: bool = False

    def __init__(self, server: Server) -> None:
        self.server = server

    @property
    def database(self) -> str:
        return "bench_" + self.name.replace("-", "_")

    @property
    def queue(self) -> str:
        """What its modes have in common: the measured thing with whose name theirs begin."""
        return next((name for name in self.versions if self.name.startswith(name)), self.name)

    @property
    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """What was measured."""

    @abstractmethod
    def install(self) -> None:
        """Its database, schema and logins, as its documentation says."""

    @abstractmethod
    def clear(self) -> None:
        """Forgets every job."""

    @abstractmethod
    def fill(self, work: Sequence[Work], committed: Callable[[], None]) -> None:
        """Enqueues in one transaction, calls `committed`, then signals the workers if need be."""

    def offers(self, work: Work) -> bool:
        """Whether it knows locks or priorities, where the work has them."""
        return not work.locks and not work.priorities

    @abstractmethod
    def unfinished(self) -> bool:
        """Whether a job is left that has not ended."""

    @abstractmethod
    def outcome(self) -> Outcome:
        """After a drain."""

    @abstractmethod
    def worker(self, number: int, tally: Tally) -> Command:
        """The worker process, number 0 onwards."""

    def worker_with(self, slots: int, tally: Tally) -> Command:  # noqa: ARG002
        """For jobs that take time, so many at once; number 0. Here: as many as it runs at once anyway."""
        return self.worker(0, tally)

    def producer(self, dsn: str) -> AbstractAsyncContextManager[Producer]:
        """Opened in the client's process, unless `client` names another one."""
        raise NotImplementedError(f"{self.name} enqueues from a program of its own")

    @abstractmethod
    def producer_dsn(self) -> str:
        """The login that enqueues."""

    @abstractmethod
    def idle(self, tally: Tally) -> list[Idle]:
        """Everything that runs in an installation without work."""

    def service(self) -> Service | None:
        """None: this queue has no HTTP API."""
        return None

    def client(self, kind: str, *options: str) -> Command:
        """The process that enqueues; see bench.clients.enqueue."""
        argv = [sys.executable, "-m", "bench.clients.enqueue", self.name, self.producer_dsn(), kind, *options]
        return Command(argv)
