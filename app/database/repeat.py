"""Deadlocks and serialization failures are nobody's fault and pass: the whole call is made again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from app.database.backoff import Backoff
from app.database.sqlstates import is_repeatable

T = TypeVar("T")
REPEATS = 5
SHORT = 10


async def repeated(call: Callable[[], Awaitable[T]]) -> T:
    """`call` is one whole transaction. After REPEATS its last error is raised."""
    backoff = Backoff(longest=1.0)
    for _ in range(REPEATS):
        try:
            return await call()
        except psycopg.Error as exc:
            if not is_repeatable(exc):
                raise
        await asyncio.sleep(backoff.next() / SHORT)
    return await call()
