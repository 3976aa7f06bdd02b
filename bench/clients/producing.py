"""Enqueues as an application would, and measures it.

single CLIENTS SECONDS   as many clients at once, each awaiting its own job
bulk SIZE SECONDS        one client, SIZE jobs a call
pickup COUNT GAP         jobs that carry the moment before their call, GAP seconds apart

Needs the standard library alone, because a peer may have an environment of its own.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

WARM_UP = 0.5
Measured = dict[str, float]


class Producer(Protocol):
    """How an application enqueues, in the peer's best way."""

    async def one(self, task: str, args: dict[str, Any]) -> None:
        """Returns when the job is durable."""

    async def many(self, task: str, args: Sequence[dict[str, Any]]) -> None:
        """The peer's bulk call, all in one."""


async def single(producer: Producer, clients: str, seconds: str) -> Measured:
    """Counts what was acknowledged within the window."""
    begin = time.monotonic() + WARM_UP
    end, counted = begin + float(seconds), 0

    async def client() -> None:
        nonlocal counted
        while (now := time.monotonic()) < end:
            await producer.one("bench.noop", {"n": 12345})
            counted += begin <= now and time.monotonic() <= end

    await asyncio.gather(*(client() for _ in range(int(clients))))
    return {"jobs": counted, "seconds": end - begin}


async def bulk(producer: Producer, size: str, seconds: str) -> Measured:
    jobs = [{"n": number} for number in range(int(size))]
    await producer.many("bench.noop", jobs)
    begin, calls = time.monotonic(), 0
    while time.monotonic() - begin < float(seconds):
        await producer.many("bench.noop", jobs)
        calls += 1
    return {"jobs": calls * len(jobs), "seconds": time.monotonic() - begin}


async def pickup(producer: Producer, jobs: str, gap: str) -> Measured:
    """On a fixed beat, so that a slow call doesn't spare the next ones their wait."""
    begin = time.monotonic()
    for number in range(int(jobs)):
        await asyncio.sleep(max(0.0, begin + number * float(gap) - time.monotonic()))
        await producer.one("bench.pickup", {"n": number, "sent": time.monotonic_ns()})
    return {"jobs": int(jobs), "seconds": time.monotonic() - begin}


KINDS: dict[str, Callable[[Producer, str, str], Awaitable[Measured]]] = {
    "single": single,
    "bulk": bulk,
    "pickup": pickup,
}


async def measure(opening: AbstractAsyncContextManager[Producer], kind: str, first: str, second: str) -> None:
    """Prints what it measured, as JSON."""
    async with opening as producer:
        print(json.dumps(await KINDS[kind](producer, first, second)))
