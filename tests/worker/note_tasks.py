"""Tasks that say something while they run."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from procrastinate import Blueprint, RetryStrategy

from worker.run import RunContext

notes = Blueprint()


@notes.task(name="speaks", pass_context=True)
async def speaks(context: RunContext, chunks: int, **fields: Any) -> None:
    context.log("begins", chunks=chunks, **fields)
    for number in range(chunks):
        context.emit({"n": number})
        context.progress(number + 1, chunks, "chunk by chunk")


@notes.task(name="speaks_sync", pass_context=True)
def speaks_sync(context: RunContext, threads: int, each: int) -> None:
    def some(name: int) -> None:
        for number in range(each):
            context.emit([name, number])

    started = [threading.Thread(target=some, args=(name,)) for name in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


@notes.task(name="chats", pass_context=True)
async def chats(context: RunContext, until: str) -> int:
    """Speaks a hundred times a second; answers how often."""
    said = 0
    while not await asyncio.to_thread(Path(until).exists):
        context.emit(said)
        context.progress(said)
        said += 1
        await asyncio.sleep(0.01)
    return said


@notes.task(name="tracks", pass_context=True)
def tracks(context: RunContext, items: int) -> int:
    return sum(context.track(range(items)))


@notes.task(name="tracks_async", pass_context=True)
async def tracks_async(context: RunContext, items: int) -> int:
    return sum([item async for item in context.track(_counted(items), items)])


async def _counted(items: int) -> AsyncIterator[int]:
    for item in range(items):
        yield item


@notes.task(name="tracks_for_ever", pass_context=True)
def tracks_for_ever(context: RunContext) -> None:
    for _ in context.track(iter(int, 1)):
        time.sleep(0.01)


@notes.task(name="tries", pass_context=True, retry=RetryStrategy(max_attempts=1))
async def tries(context: RunContext) -> None:
    context.emit(f"try {context.job.attempts}")
    if not context.job.attempts:
        raise ValueError("once more")


@notes.task(name="says_wrong", pass_context=True)
async def says_wrong(context: RunContext) -> list[str]:
    """What it is told of what can't be said."""
    refused = []
    for wrong in (float("nan"), {1}, "\x00", "\ud800", "x" * 65_536):
        try:
            context.emit(wrong)
        except Exception as exc:  # noqa: BLE001 (both of them)
            refused.append(type(exc).__name__)
    try:
        context.progress(message="x" * 4096)
    except Exception as exc:  # noqa: BLE001
        refused.append(type(exc).__name__)
    context.log("nul \x00, \ud800", at=Path("/tmp"))
    context.log("large", what="x" * 65_536)
    return refused


@notes.task(name="tells_secrets", pass_context=True)
async def tells_secrets(context: RunContext, key: str) -> None:
    context.log(f"the key is {key}", key=key)
    context.emit({key: key})
    context.progress(message=key)
