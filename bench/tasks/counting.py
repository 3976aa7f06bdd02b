"""The bodies of the tasks, the same for every peer in Python."""

import asyncio
import time

from bench.tally import mine

_tally, _slot = mine()


async def noop(n: int = 0) -> None:  # noqa: ARG001 (a job has an argument, as most have)
    """Does nothing, once."""
    _tally.count(_slot)


async def nap(n: int, ms: int) -> None:  # noqa: ARG001
    """Waits for the outside world, as most jobs do."""
    await asyncio.sleep(ms / 1000)
    _tally.count(_slot)


async def pickup(n: int, sent: int) -> None:
    """Notes how long ago it was sent; one machine, one monotonic clock."""
    _tally.note_latency(n, time.monotonic_ns() - sent)
    _tally.count(_slot)
