"""Who waits for which job: one LISTEN and one query at a time, however many wait."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

import psycopg

from app.database.backoff import Backoff
from app.errors import Overloaded

log = logging.getLogger(__name__)

MOST_WAITERS = 10_000
MIN_GAP = 0.005


class HasId(Protocol):
    """What is read of a watched job: equal as long as nobody has to be woken."""

    @property
    def id(self) -> int: ...


Seen = TypeVar("Seen", bound=HasId)


class JobWatch(Generic[Seen]):
    """`signal` says that some job changed; those who watch one that did are woken and look for themselves."""

    def __init__(self, read_states: Callable[[Sequence[int]], Awaitable[list[Seen]]]) -> None:
        self._read_states = read_states
        self._watchers: dict[int, set[asyncio.Event]] = {}
        self._seen: dict[int, Seen] = {}
        self._wanted = asyncio.Event()
        self._count = 0

    def signal(self) -> None:
        if self._watchers:
            self._wanted.set()

    @asynccontextmanager
    async def on(self, job_id: int) -> AsyncIterator[asyncio.Event]:
        """An event that is set after each change of the job; whoever has seen it set clears it."""
        if self._count >= MOST_WAITERS:
            raise Overloaded("too many requests wait for jobs", retry_after=5)
        event = asyncio.Event()
        self._watchers.setdefault(job_id, set()).add(event)
        self._count += 1
        try:
            yield event
        finally:
            self._leave(job_id, event)

    def _leave(self, job_id: int, event: asyncio.Event) -> None:
        self._count -= 1
        watchers = self._watchers[job_id]
        watchers.discard(event)
        if not watchers:
            del self._watchers[job_id]
            self._seen.pop(job_id, None)

    async def run(self) -> None:
        backoff = Backoff()
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.look()
                backoff.reset()
            except psycopg.Error as exc:
                log.warning("watched jobs could not be read, trying again: %s", str(exc).split("\n")[0])
                self._wanted.set()
                await asyncio.sleep(backoff.next())
            await asyncio.sleep(MIN_GAP)

    def wake_all(self) -> None:
        """For the end of the process: everyone looks, and leaves."""
        for events in self._watchers.values():
            for event in events:
                event.set()

    async def look(self) -> None:
        """Reads the state of every watched job once and wakes whoever's changed, or is gone."""
        watched = list(self._watchers)
        states = {state.id: state for state in await self._read_states(watched)}
        for job_id in watched:
            state = states.get(job_id)
            if job_id in self._watchers and (state is None or self._seen.get(job_id) != state):
                self._see(job_id, state)

    def _see(self, job_id: int, state: Seen | None) -> None:
        if state is not None:
            self._seen[job_id] = state
        for event in self._watchers[job_id]:
            event.set()


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set or the time is over, whichever is first."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
