"""`python -m bench.clients.chancy DSN KIND …`, in chancy's own environment: push and push_many."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from chancy import Chancy, Job

from bench.clients.producing import Producer, measure


class Pushes:
    """A job names the function that it runs."""

    def __init__(self, app: Chancy) -> None:
        self._app = app

    async def one(self, task: str, args: dict[str, Any]) -> None:
        await self._app.push(_job(task, args))

    async def many(self, task: str, args: Sequence[dict[str, Any]]) -> None:
        async for _ in self._app.push_many([_job(task, each) for each in args]):
            pass


def _job(task: str, args: dict[str, Any]) -> Job:
    return Job(func=task.replace("bench.", "bench.tasks.counting."), queue="bench", kwargs=args)


@asynccontextmanager
async def producer(dsn: str) -> AsyncIterator[Producer]:
    """On the library's own pool, 10 connections at most."""
    async with Chancy(dsn) as app:
        yield Pushes(app)


if __name__ == "__main__":
    dsn, *what = sys.argv[1:]
    asyncio.run(measure(producer(dsn), *what))
