"""Tasks of the tests with real processes: stock Procrastinate and nothing of ours."""

import asyncio
import os
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
