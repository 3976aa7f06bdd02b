"""Handlers that get into each other's way or ask for very much: each end is handled once all the same."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import psycopg

from app.handlers import Event, enqueue
from tests.handlers.conftest import consuming, handler, until
from tests.support.shop import Shop, note

# More than one draw of ids, and more than one block of a cause.
MANY = 1500
LOCK = "select from shop.shelf where id = %s for update"


async def test_two_that_deadlock_are_both_handled(shop: Shop) -> None:
    shop.admin.execute("create table shop.shelf (id integer)")
    shop.admin.execute("insert into shop.shelf values (1), (2)")
    shop.admin.execute("grant select, update on shop.shelf to onewriter_handler")
    both = threading.Barrier(2)
    begun = {"first": 0, "second": 0}

    async def first(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
        begun["first"] += 1
        await conn.execute(LOCK, [1])
        if begun["first"] == 1:
            await asyncio.to_thread(both.wait, 10)
        await conn.execute(LOCK, [2])
        await conn.execute(*note(event))

    def second(conn: psycopg.Connection[Any], event: Event) -> None:
        begun["second"] += 1
        conn.execute(LOCK, [2])
        if begun["second"] == 1:
            both.wait(10)
        conn.execute(LOCK, [1])
        conn.execute(*note(event))

    async with consuming(shop, handler(first, "shop.first"), handler(second, "shop.second")):
        ids = [*shop.end(task="shop.first"), *shop.end(task="shop.second")]
        await until(lambda: len(shop.seen()) == 2 and not shop.waiting(), say=shop.parked)
    shop.once(ids)
    assert sum(begun.values()) == 3, "one of them was the victim, and tried again"


async def test_very_many_follow_ups_of_one_end(shop: Shop) -> None:
    async def greedy(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
        for n in range(MANY):
            await enqueue(conn, "shop.mail", to=str(n))

    async with consuming(shop, handler(greedy)):
        (parent,) = shop.end()
        await until(lambda: not shop.waiting(), say=shop.parked)
    assert shop.parked() == []
    assert shop.followed() == {parent: MANY}
