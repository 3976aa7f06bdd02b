"""A domain in another database: its transaction notes the event, so nothing is applied twice, or lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from app.handlers import Event, enqueue, lane
from app.schema import inbox
from tests.handlers.conftest import consuming, handler, until
from tests.support.cluster import Database, Server, clone, login_name
from tests.support.shop import Shop, note

_numbers = itertools.count(1)


@pytest.fixture
def apart(db: Database, postgres: Server) -> Iterator[Shop]:
    """The shop's tables and the inbox lie in a database of their own."""
    with clone(postgres, f"{db.name}_domain_{next(_numbers)}") as domain:
        inbox.prepare(domain.connect("admin"), login_name("handler"))
        yield Shop(db, domain)


def in_inbox(shop: Shop) -> list[tuple[Any, ...]]:
    query = "select event_id, follow from onewriter_inbox.event order by event_id"
    return shop.domain.connect("admin").execute(query).fetchall()


async def orders(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
    await conn.execute(*note(event))
    await enqueue(conn, "shop.mail", to="acme")


def orders_in_a_thread(conn: psycopg.Connection[Any], event: Event) -> None:
    conn.execute(*note(event))
    enqueue(conn, "shop.mail", to="acme")


@pytest.mark.parametrize("function", [orders, orders_in_a_thread])
async def test_both_databases_have_it_once(apart: Shop, function: Any) -> None:
    async with consuming(apart, handler(function)):
        ids = apart.end(30)
        await until(lambda: not apart.waiting() and len(apart.seen()) == 30 and not in_inbox(apart))
    apart.once(ids)
    assert apart.followed() == dict.fromkeys(ids, 1)


async def test_what_the_queue_was_not_told_is_only_acknowledged(
    apart: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The follow-ups are those that the first time asked for, under the ids that it was given."""
    told: list[list[int]] = []
    acknowledge = lane.acknowledge

    async def cut_off(conn: Any, follow: dict[int, list[Any]]) -> Any:
        told.append(sorted(follow))
        if len(told) == 1:
            raise psycopg.OperationalError("the line is dead")
        return await acknowledge(conn, follow)

    monkeypatch.setattr(lane, "acknowledge", cut_off)
    async with consuming(apart, handler(orders)):
        ids = apart.end(5)
        await until(lambda: not apart.waiting() and len(apart.seen()) == 5 and not in_inbox(apart))
    apart.once(ids)
    assert apart.followed() == dict.fromkeys(ids, 1)
    assert told[0] in told[1:], "the first was not tried again"


async def test_what_a_dead_process_left_in_the_inbox_goes(apart: Shop) -> None:
    """But for events that the queue still has, dead letters among them."""

    async def refuses(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
        raise ValueError("no")

    async with consuming(apart, handler(refuses), handler_attempts=1):
        apart.end(1)
        await until(apart.parked)
    (event_id,) = apart.admin.execute("select id from jobs.outbox").fetchone() or (0,)
    apart.domain.connect("admin").execute(
        "insert into onewriter_inbox.event (environment, event_id) values ('default', %s), ('default', 9999),"
        " ('elsewhere', 9999)",
        [event_id],
    )
    async with consuming(apart, handler(orders)):
        await until(lambda: len(in_inbox(apart)) == 2)
    rows = apart.domain.connect("admin").execute("select environment, event_id from onewriter_inbox.event")
    assert set(rows) == {("default", event_id), ("elsewhere", 9999)}
