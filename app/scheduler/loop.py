"""The one loop runner: run, sleep until the next moment or a signal, step back on errors."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import psycopg

from app.database.backoff import Backoff
from app.database.pool import Connection
from app.scheduler.election import GAP, Leadership

log = logging.getLogger(__name__)

RunOnce = Callable[[Connection], Awaitable[float | None]]
CHANNEL = "ow_sched"


@dataclass
class Loop:
    """`run_once` answers the seconds until there is something to do, or None.

    The sleep lasts from `shortest` to `longest`; a NOTIFY on `channel` ends it, but not before `gap` is over.
    """

    name: str
    run_once: RunOnce
    longest: float
    shortest: float = GAP
    gap: float = GAP
    channel: str | None = CHANNEL
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, leadership: Leadership) -> None:
        """For ever; what fails is logged once and tried again: one loop's defect must not stop the others."""
        backoff, healthy = Backoff(), True
        while True:
            try:
                self.wake.clear()
                delay = await self.run_once(await leadership.connection())
            except Exception as error:  # noqa: BLE001 (told whole below)
                if healthy:
                    self._tell(error)
                healthy = False
                await asyncio.sleep(backoff.next())
                continue
            if not healthy:
                log.info("%s works again", self.name)
            healthy = True
            backoff.reset()
            wanted = self.longest if delay is None else max(delay, self.shortest)
            await self._sleep(min(wanted, self.longest))

    def _tell(self, error: Exception) -> None:
        """A database that is away is no news; of a defect the trace is."""
        trace = None if isinstance(error, psycopg.Error | OSError) else error
        log.warning("%s failed, trying again: %s", self.name, str(error).split("\n")[0], exc_info=trace)

    async def _sleep(self, seconds: float) -> None:
        """What is due within the gap is not late for it; only signals wait."""
        await asyncio.sleep(min(self.gap, seconds))
        if seconds <= self.gap:
            return
        # Not wait_for: up to Python 3.11 it forgets a cancellation that comes together with the signal.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds - self.gap):
                await self.wake.wait()
