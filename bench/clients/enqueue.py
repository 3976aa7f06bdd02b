"""`python -m bench.clients.enqueue PEER DSN KIND …`: enqueues as an application would, and measures it.

single CLIENTS SECONDS   as many clients at once, each awaiting its own job
bulk SIZE SECONDS        one client, SIZE jobs a call
pickup COUNT GAP         jobs that carry the moment before their call, GAP seconds apart
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

from bench.peer import Producer
from bench.peers import PEERS
from bench.server import unreached

WARM_UP = 0.5
Measured = dict[str, float]


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


async def measure(peer: str, dsn: str, kind: str, first: str, second: str) -> Measured:
    async with PEERS[peer](unreached()).producer(dsn) as producer:
        return await KINDS[kind](producer, first, second)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(*sys.argv[1:6]))))
