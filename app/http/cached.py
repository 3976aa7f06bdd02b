"""A small table kept in memory: trusted while LISTEN stands, re-read when it changed or may have."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

# Seconds. Without LISTEN nobody tells of a change; and one may listen in vain (a pooler in between).
UNTOLD = 3.0
TOLD = 60.0


class Cached(Generic[T]):
    """`peek` is for the hot path; `get` reads when what is here can't be trusted, once for all callers."""

    def __init__(self, load: Callable[[], Awaitable[T]], told: Callable[[], bool]) -> None:
        self._load = load
        self._told = told
        self._reading: asyncio.Task[T] | None = None
        self._reading_generation = 0
        self._value: T | None = None
        self._good_until = 0.0
        self._untold_until = 0.0
        self._generation = 0

    def drop(self) -> None:
        """What is here may be old: the next reader waits for a new read."""
        self._generation += 1
        self._good_until = 0.0

    def peek(self) -> T | None:
        now = monotonic()
        if now < self._good_until and (now < self._untold_until or self._told()):
            return self._value
        return None

    async def get(self) -> T:
        """One read serves all who wait for it, or fails them all; none takes one begun before a drop."""
        while (value := self.peek()) is None:
            asked = self._generation
            if self._reading is None:
                self._reading_generation = asked
                self._reading = asyncio.create_task(self._read())
                self._reading.add_done_callback(self._read_ended)
            started = self._reading_generation
            value = await asyncio.shield(self._reading)
            if started == asked:
                return value
        return value

    def _read_ended(self, task: asyncio.Task[T]) -> None:
        self._reading = None
        if not task.cancelled():
            task.exception()  # seen, even if everyone who waited has gone

    async def _read(self) -> T:
        generation = self._reading_generation
        self._value = value = await self._load()
        if generation == self._generation:
            now = monotonic()
            self._good_until = now + TOLD
            self._untold_until = now + UNTOLD
        return value
