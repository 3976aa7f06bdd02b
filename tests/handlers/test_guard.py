"""A handler cannot end its transaction before the acknowledgement: whoever tries leaves a dead letter."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncConnection

from app.handlers import Event
from app.handlers.registry import ConnectionKind
from tests.handlers.conftest import consuming, handler, until
from tests.support.shop import Shop, note


async def commits(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
    await conn.execute(*note(event))
    await conn.commit()


async def commits_and_goes_on(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
    await conn.execute(*note(event))
    with contextlib.suppress(psycopg.Error):
        await conn.execute("commit")


async def rolls_back(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
    await conn.execute("rollback")
    await conn.execute(*note(event))


def closes(conn: psycopg.Connection[Any], event: Event) -> None:
    with conn:
        conn.execute(*note(event))


async def says_commit(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
    await conn.execute(*note(event))
    await conn.execute("commit")


def commits_in_alchemy(conn: sqlalchemy.Connection, event: Event) -> None:
    conn.execute(sqlalchemy.text("insert into shop.seen (job_id) values (:job)"), {"job": event.job.id})
    conn.commit()


async def rolls_back_in_alchemy(conn: AsyncConnection, event: Event) -> None:
    await conn.execute(sqlalchemy.text("insert into shop.seen (job_id) values (:job)"), {"job": event.job.id})
    await conn.rollback()


async def fails_and_goes_on(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
    await conn.execute(*note(event))
    with contextlib.suppress(psycopg.Error):
        await conn.execute("select 1/0")


ENDS = "must not end its transaction"
CASES: dict[Callable[[Any, Any], Any], tuple[str, ConnectionKind]] = {
    commits: (ENDS, "psycopg"),
    commits_and_goes_on: (ENDS, "psycopg"),
    rolls_back: (ENDS, "psycopg"),
    closes: (ENDS, "psycopg"),
    says_commit: (ENDS, "psycopg"),
    commits_in_alchemy: (ENDS, "sqlalchemy"),
    rolls_back_in_alchemy: (ENDS, "sqlalchemy"),
    fails_and_goes_on: ("went on without a savepoint", "psycopg"),
}


async def test_no_way_out_of_the_transaction(shop: Shop) -> None:
    """Each of these leaves nothing behind, and the connection serves the next event."""

    async def sound(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
        async with conn.transaction():
            await conn.execute(*note(event))
        with contextlib.suppress(psycopg.Error):
            async with conn.transaction():
                await conn.execute("select 1/0")

    handlers = [
        handler(function, f"shop.{function.__name__}", connection=kind)
        for function, (_, kind) in CASES.items()
    ]
    async with consuming(shop, *handlers, handler(sound), handler_attempts=1):
        bad = {shop.end(1, task=f"shop.{function.__name__}")[0]: function for function in CASES}
        await until(lambda: len(shop.parked()) == len(CASES), say=shop.parked)
        good = shop.end(3)
        await until(lambda: len(shop.seen()) == 3)
    shop.once(good)
    for job_id, _, error in shop.parked():
        sentence, _ = CASES[bad[job_id]]
        assert sentence in error, error


@pytest.mark.parametrize("function", [commits_and_goes_on, rolls_back])
async def test_in_a_batch_too(shop: Shop, function: Callable[[Any, Any], Any]) -> None:
    async def orders(conn: psycopg.AsyncConnection[Any], events: list[Event]) -> None:
        for event in events:
            await function(conn, event)

    async with consuming(shop, handler(orders, batch=True), handler_attempts=1):
        shop.end(5)
        await until(lambda: len(shop.parked()) == 5, say=shop.seen)
    assert shop.seen() == []
