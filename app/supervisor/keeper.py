"""Keeps one child running: a dead one is started again, with growing pauses."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

from app.database.backoff import Backoff
from app.supervisor.child import Child, Program

log = logging.getLogger(__name__)

# A child that ends by itself within so many seconds never really ran.
AT_ONCE = 10.0
# After so many of these in a row there is nothing to wait for.
MOST = 5


class Keeper:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._child: Child | None = None

    async def run(self) -> int:
        """Until it has ended at once five times in a row: its exit code.

        A signal doesn't count as such an end: a job's crash or the kernel sent it, and the others go on.
        """
        backoff, early = Backoff(), 0
        while True:
            code, lived = await self._live()
            if lived >= AT_ONCE:
                backoff.reset()
            early = early + 1 if lived < AT_ONCE and code >= 0 else 0
            if early == MOST:
                log.error("%s %s, %d times in a row: giving up", self._program.name, _said(code), MOST)
                return code
            pause = backoff.next()
            log.warning("%s %s; starting it again in %.1f s", self._program.name, _said(code), pause)
            await asyncio.sleep(pause)

    async def end(self, until: float) -> None:
        """Also one that has ended. No `run` may be going on, or it would start another one."""
        if self._child is not None:
            code = await self._child.end(until)
            log.info("%s %s", self._program.name, _said(code))

    async def _live(self) -> tuple[int, float]:
        """The exit code and the seconds of one life."""
        began = monotonic()
        self._child = Child(self._program)
        log.info("%s runs as process %d", self._program.name, self._child.pid)
        code = await self._child.ended()
        self._child = None
        return code, monotonic() - began


def _said(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
