"""The one loop runner: run, sleep until the next moment or a signal, step back on errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import psycopg

from app.database.backoff import Backoff
from app.database.pool import Connection
from app.scheduler.election import GAP, Leadership

log = logging.getLogger(__name__)

RunOnce = Callable[[Connection], Awaitable[float | None]]


@dataclass
class Loop:
    """`run_once` answers the seconds until there is something to do, or None; `longest` bounds the sleep.

    `signalled`: whether a NOTIFY ends it before that.
    """

    name: str
    run_once: RunOnce
    longest: float
    signalled: bool = True
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, leadership: Leadership) -> None:
        """For ever; a lost connection or a refused statement is logged once and tried again."""
        backoff, healthy = Backoff(), True
        while True:
            try:
                self.wake.clear()
                delay = await self.run_once(await leadership.connection())
            except (psycopg.Error, OSError) as error:
                if healthy:
                    log.warning("%s failed, trying again: %s", self.name, str(error).split("\n")[0])
                healthy = False
                await asyncio.sleep(backoff.next())
                continue
            if not healthy:
                log.info("%s works again", self.name)
            healthy = True
            backoff.reset()
            await self._sleep(self.longest if delay is None else min(max(delay, GAP), self.longest))

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(GAP, seconds))
        try:
            await asyncio.wait_for(self.wake.wait(), max(seconds - GAP, 0))
        except TimeoutError:
            return
