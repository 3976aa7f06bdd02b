"""Tasks of the tests with real processes: stock Procrastinate and nothing of ours."""

import asyncio
import ctypes
import os
import resource
import signal
import time
from pathlib import Path

from procrastinate import Blueprint

sample = Blueprint()


@sample.task(name="add")
async def add(a: int, b: int = 1) -> int:
    return a + b


@sample.task(name="length")
async def length(text: str) -> int:
    return len(text)


@sample.task(name="says")
async def says(text: str) -> str:
    return text


@sample.task(name="nap")
async def nap(seconds: float = 0.05) -> list[float]:
    """When it began and when it ended, by the clock that all processes of a machine share."""
    began = time.time()
    await asyncio.sleep(seconds)
    return [began, time.time()]


@sample.task(name="nap_sync")
def nap_sync(seconds: float = 0.05) -> list[float]:
    began = time.time()
    time.sleep(seconds)
    return [began, time.time()]


@sample.task(name="waits_for")
async def waits_for(file: str) -> str:
    """Ends when the file is there."""
    while not Path(file).exists():  # noqa: ASYNC110, ASYNC240 (another process makes it)
        await asyncio.sleep(0.01)
    return "seen"


@sample.task(name="dies_after")
async def dies_after(file: str) -> None:
    """Takes its process along as soon as the file is there."""
    await waits_for(file)
    os._exit(17)


@sample.task(name="eats_memory")
async def eats_memory(megabytes: int) -> int:
    """Beyond what its process may have."""
    held, room = 0, megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (_size() + room, resource.RLIM_INFINITY))
    eaten = []
    while held <= 2 * room:
        eaten.append(bytearray(1024 * 1024))
        held += len(eaten[-1])
    return held


@sample.task(name="ended_by_the_kernel")
async def ended_by_the_kernel() -> None:
    """What the kernel does with whoever eats too much."""
    os.kill(os.getpid(), signal.SIGKILL)


@sample.task(name="segfaults")
async def segfaults() -> None:
    ctypes.string_at(0)


def _size() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
