"""A domain in its own database asks for jobs in its own transactions: each reaches the queue, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from app.database.pool import connect, open_pool
from app.handlers import chain, enqueue, group, job, publish
from app.handlers.desk import Desk
from app.handlers.outgoing import Relay
from app.schema import inbox
from app.schema.domain import grant
from tests.handlers.conftest import consuming, handler, until
from tests.support.apart import domain_database
from tests.support.cluster import Database, login_name
from tests.support.shop import Shop

TASKS = {
    "catalogue": 1,
    "tasks": [
        {"name": "shop.mail", "schema": {"type": "object", "required": ["to"]}, "events": ["order.paid"]},
        {"name": "shop.pack", "schema": {}, "queue": "packing", "events": ["order.paid", "order.moved"]},
    ],
}

CUT = """select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'onewriter relay' and datname = current_database() || '_apart'"""


@pytest.fixture
def domain(db: Database) -> Iterator[Database]:
    with domain_database(db) as database:
        inbox.prepare(database.connect("admin"), login_name("handler"))
        yield database


@pytest.fixture
def shop(db: Database, domain: Database) -> Shop:
    shop = Shop(db, domain)
    with db.connect("server") as server:
        server.execute("select server_api.publish_tasks('shop', %s, 'tests')", [json.dumps(TASKS)])
    return shop


def jobs(shop: Shop) -> list[tuple[Any, ...]]:
    query = "select task_name, args, queue_name from procrastinate.procrastinate_jobs order by task_name, id"
    return shop.admin.execute(query).fetchall()


def asked(shop: Shop) -> list[tuple[Any, ...]]:
    query = "select attempts, error from onewriter_inbox.outgoing order by at"
    return shop.domain.connect("admin").execute(query).fetchall()


async def order(conn: AsyncConnection[Any], n: int) -> None:
    await conn.execute("insert into shop.seen (n) values (%s)", (n,))
    assert await publish(conn, "order.paid", {"to": f"customer {n}"}) == []


async def test_what_a_transaction_asks_for_follows_its_commit(shop: Shop) -> None:
    """Jobs, chains, groups and events; what was rolled back asked for nothing."""
    async with consuming(shop, handler(order)), await connect(shop.domain.dsn("handler")) as conn:
        async with conn.transaction():
            await order(conn, 1)
            assert await enqueue(conn, "shop.pack", n=2) == 0
            await chain(conn, job("shop.pack", n=3), job("shop.pack", n=4))
            await group(conn, job("shop.pack", n=5), job("shop.pack", n=6))
            assert jobs(shop) == []
        with pytest.raises(ZeroDivisionError):
            async with conn.transaction():
                await order(conn, 1 // 0)
        await until(lambda: len(jobs(shop)) == 6 and not asked(shop))
    to = {"to": "customer 1"}
    assert [row for row in jobs(shop) if row[1] == to] == [
        ("shop.mail", to, "default"),
        ("shop.pack", to, "packing"),
    ]
    assert sorted(row[1]["n"] for row in jobs(shop) if row[1] != to) == [2, 3, 5, 6]


async def test_a_team_s_own_login_asks_over_a_plain_connection(shop: Shop) -> None:
    """It writes the domain and may only insert what it asks for."""
    grant(shop.domain.connect("admin"), "shop", writers=[login_name("producer")])
    with shop.domain.connect("producer") as conn, conn.transaction():
        assert enqueue(conn, "shop.pack", n=1) == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        shop.domain.connect("producer").execute("delete from onewriter_inbox.outgoing")
    with pytest.raises(psycopg.OperationalError, match="CONNECT privilege"):
        shop.domain.connect("worker")
    async with consuming(shop, handler(order)):
        await until(lambda: len(jobs(shop)) == 1)


async def test_what_the_queue_does_not_take_waits_and_holds_up_nobody(shop: Shop) -> None:
    async with consuming(shop, handler(order)), await connect(shop.domain.dsn("handler")) as conn:
        await enqueue(conn, "shop.unheard_of")
        await enqueue(conn, "shop.mail")  # without its argument
        await enqueue(conn, "shop.pack", n=1)
        await until(lambda: len(jobs(shop)) == 1 and all(row[0] for row in asked(shop)))
        assert [attempts for attempts, _ in asked(shop)] == [1, 1]
        assert "shop.unheard_of" in asked(shop)[0][1] and "to" in asked(shop)[1][1]
        more = {**TASKS, "tasks": [*TASKS["tasks"], {"name": "shop.unheard_of", "schema": {}}]}  # type: ignore[misc]
        with shop.db.connect("server") as server:
            server.execute("select server_api.publish_tasks('shop', %s, 'tests')", [json.dumps(more)])
        await until(lambda: len(jobs(shop)) == 2)
    assert [row[0] for row in jobs(shop)] == ["shop.pack", "shop.unheard_of"]


async def test_a_relay_cut_between_the_two_commits_starts_nothing_twice(shop: Shop) -> None:
    """The queue has committed, and the domain's backend is gone before the rows are deleted."""
    async with await connect(shop.domain.dsn("handler")) as conn:
        for n in range(3):
            await order(conn, n)
    cuts = 0

    def cut(_: Iterable[str]) -> None:
        """Signalled after the queue's commit."""
        nonlocal cuts
        if cuts < 3:
            cuts += 1
            shop.admin.execute(CUT)

    async with relaying(shop, cut) as relay:
        for _ in range(3):
            with pytest.raises(psycopg.OperationalError):
                await relay.turn()
            await relay.close()
            assert (len(jobs(shop)), len(asked(shop))) == (6, 3)
        assert await relay.turn()
        assert not await relay.turn()
    assert cuts == 3 and (len(jobs(shop)), asked(shop)) == (6, [])


async def test_several_relays_share_the_work(shop: Shop) -> None:
    async with await connect(shop.domain.dsn("handler")) as conn, conn.transaction():
        for n in range(250):
            await enqueue(conn, "shop.pack", n=n)

    async def all_of_it() -> None:
        async with relaying(shop) as relay:
            while await relay.turn():
                pass

    await asyncio.gather(*[all_of_it() for _ in range(3)])
    assert sorted(row[1]["n"] for row in jobs(shop)) == list(range(250))


@asynccontextmanager
async def relaying(
    shop: Shop, signal: Callable[[Iterable[str]], None] = lambda _: None
) -> AsyncIterator[Relay]:
    """A relay by itself."""
    pool = await open_pool(shop.db.dsn("handler"), max_size=1)
    desk = Desk(pool)
    relay = Relay(shop.domain.dsn("handler"), "default", desk, desk.catalogue, signal)
    try:
        yield relay
    finally:
        await relay.close()
        await pool.close()
