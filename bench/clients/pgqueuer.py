"""`python -m bench.clients.pgqueuer DSN KIND …`, in pgqueuer's own environment: Queries.enqueue."""

import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import uvloop
from pgqueuer.queries import Queries

from bench.clients.producing import Producer, measure


class Enqueues:
    """One call for one job and for many, as its documentation has it."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def one(self, task: str, args: dict[str, Any]) -> None:
        await self._queries.enqueue(task, json.dumps(args).encode())

    async def many(self, task: str, args: Sequence[dict[str, Any]]) -> None:
        payloads = [json.dumps(each).encode() for each in args]
        await self._queries.enqueue([task] * len(args), payloads, [0] * len(args))


@asynccontextmanager
async def producer(dsn: str) -> AsyncIterator[Producer]:
    """On one connection, or on a pool of `pool`."""
    size = json.loads(os.environ["BENCH_SETTINGS"]).get("pool")
    if size is None:
        yield Enqueues(Queries.from_asyncpg_connection(await asyncpg.connect(dsn)))
    else:
        async with asyncpg.create_pool(dsn, min_size=size, max_size=size) as pool:
            yield Enqueues(Queries.from_asyncpg_pool(pool))


if __name__ == "__main__":
    dsn, *what = sys.argv[1:]
    uvloop.run(measure(producer(dsn), *what))
