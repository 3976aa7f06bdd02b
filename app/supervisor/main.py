"""Runs the children until it is told to stop, or until one of them cannot be kept running."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from time import monotonic

from app.supervisor.child import Program
from app.supervisor.keeper import Keeper

log = logging.getLogger(__name__)

# A child whose turn comes when the grace is over has so many seconds nevertheless.
LEAST = 2.0


async def supervise(programs: Sequence[Program], *, grace: float) -> int:
    """0 after SIGTERM or SIGINT; else the exit code of the child that ended again and again, or 1 for its 0.

    They are ended one after the other, in this order, within `grace` seconds; whoever is left then is killed.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    keepers = [Keeper(program) for program in programs]
    tasks = [asyncio.create_task(keeper.run()) for keeper in keepers]
    stopping = asyncio.create_task(stop.wait())
    done, running = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    log.info("stopping")
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await _end(keepers, monotonic() + grace)
    return next((task.result() or 1 for task in tasks if task in done), 0)


async def _end(keepers: Sequence[Keeper], deadline: float) -> None:
    for keeper in keepers:
        await keeper.end(max(deadline, monotonic() + LEAST))
