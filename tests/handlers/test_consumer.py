"""What handlers of each kind are given, what becomes of what they ask for, and of one that raises."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import psycopg
import pytest
import sqlalchemy
from psycopg.rows import tuple_row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.errors import InvalidArguments, UnknownTask
from app.handlers import Event, because_of, enqueue
from tests.handlers.conftest import consuming, handler, until
from tests.support.consumer import publish
from tests.support.shop import Shop, note

ALCHEMY = sqlalchemy.text(
    "insert into shop.seen (event_id, job_id, event, key, n) values (:id, :job_id, :event, :key, :n)"
)


def values(event: Event) -> dict[str, Any]:
    return {
        "id": event.id, "job_id": event.job.id, "event": event.event, "key": event.job.key,
        "n": event.args["n"],
    }  # fmt: skip


async def by_async(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
    await conn.execute(*note(event))
    assert await enqueue(conn, "shop.mail", to=event.job.key) > event.job.id


def by_sync(conn: psycopg.Connection[Any], event: Event) -> None:
    conn.execute(*note(event))
    assert enqueue(conn, "shop.mail", to=event.job.key) > event.job.id


async def by_async_alchemy(conn: AsyncConnection, event: Event) -> None:
    await conn.execute(ALCHEMY, values(event))
    async with AsyncSession(bind=conn) as session:
        assert await enqueue(session, "shop.mail", to=event.job.key) > event.job.id


def by_sync_alchemy(conn: sqlalchemy.Connection, event: Event) -> None:
    with conn.begin_nested():
        conn.execute(ALCHEMY, values(event))
    assert enqueue(conn, "shop.mail", to=event.job.key) > event.job.id


async def test_each_kind_of_handler_writes_and_enqueues_in_one_transaction(shop: Shop) -> None:
    """All four in one process; each end once, with one follow-up whose parent it is."""
    kinds = {"async": by_async, "sync": by_sync, "aa": by_async_alchemy, "sa": by_sync_alchemy}
    handlers = [
        handler(function, f"shop.{name}", connection="sqlalchemy" if name[-1] == "a" else "psycopg")
        for name, function in kinds.items()
    ]
    async with consuming(shop, *handlers):
        ids = [job_id for name in kinds for job_id in shop.end(12, task=f"shop.{name}", keys=["acme"])]
        await until(lambda: len(shop.seen()) == 48 and not shop.waiting(), say=shop.parked)
    shop.once(ids)
    assert shop.followed() == dict.fromkeys(ids, 1)
    (args,) = {str(args) for (args,) in shop.admin.execute(
        "select args from procrastinate.procrastinate_jobs where task_name = 'shop.mail'"
    )}  # fmt: skip
    assert args == "{'to': 'acme'}"


async def test_a_batch_is_one_call_and_keeps_the_order_of_each_key(shop: Shop) -> None:
    lengths: list[int] = []

    async def orders(conn: psycopg.AsyncConnection[Any], events: list[Event]) -> None:
        lengths.append(len(events))
        for event in events:
            await conn.execute(*note(event))
            with because_of(event):
                await enqueue(conn, "shop.mail", to="acme")

    ordered = handler(orders, batch=True, ordered_by="key")
    async with consuming(shop, ordered):
        await until(lambda: not shop.waiting())
        ids = shop.end(300, keys=["a", "b", "c"])
        await until(lambda: len(shop.seen()) == 300 and not shop.waiting(), say=shop.parked)
    shop.once(ids)
    assert shop.followed() == dict.fromkeys(ids, 1)
    assert max(lengths) > 1
    for key in "abc":
        mine = [n for _, _, seen_key, n in shop.seen() if seen_key == key]
        assert mine == sorted(mine)


async def test_one_that_raises_holds_up_nobody_and_is_parked_with_its_traceback(shop: Shop) -> None:
    tries: list[int] = []

    async def picky(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
        await conn.execute(*note(event))
        await enqueue(conn, "shop.mail", to="acme")
        if event.args["n"] == 3:
            tries.append(event.deliveries)
            raise ValueError("no third\0 one, please")

    async with consuming(shop, handler(picky), handler_attempts=3):
        ids = shop.end(20)
        await until(lambda: len(shop.seen()) == 19)
        while not shop.parked():
            shop.due_now()
            await asyncio.sleep(0.02)
    shop.once(ids[:3] + ids[4:])
    assert shop.followed() == dict.fromkeys(ids[:3] + ids[4:], 1)
    ((job_id, attempts, error),) = shop.parked()
    assert (job_id, attempts) == (ids[3], 3)
    assert error.startswith("ValueError: no third one, please\nTraceback") and error.endswith(
        "ValueError: no third one, please"
    )
    assert "in picky" in error and "app/handlers" not in error
    assert tries == [0, 1, 2]


async def test_a_batch_that_raises_is_tried_one_by_one(shop: Shop) -> None:
    lengths: list[int] = []

    def orders(conn: psycopg.Connection[Any], events: list[Event]) -> None:
        lengths.append(len(events))
        for event in events:
            conn.execute(*note(event))
            if event.args["n"] == 150:
                raise ValueError("not this one")

    async with consuming(shop, handler(orders, batch=True), handler_attempts=1):
        ids = shop.end(200)
        await until(lambda: len(shop.seen()) == 199 and shop.parked())
    assert [job_id for job_id, _, _ in shop.parked()] == [ids[150]]
    shop.once(ids[:150] + ids[151:])
    assert max(lengths) > 1


async def test_behind_a_failure_its_own_key_waits_and_no_other(shop: Shop) -> None:
    async def picky(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
        if event.args["n"] == 0 and not event.deliveries:
            raise ValueError("later")
        await conn.execute(*note(event))

    async with consuming(shop, handler(picky, ordered_by="key")):
        shop.end(10, keys=["slow", "fast"])
        await until(lambda: len(shop.seen()) == 5)
        assert {key for _, _, key, _ in shop.seen()} == {"fast"}
        await until(lambda: len(shop.seen()) == 10)
    assert [n for _, _, key, n in shop.seen() if key == "slow"] == [0, 2, 4, 6, 8]


async def test_a_follow_up_is_checked_at_once(shop: Shop) -> None:
    refused: list[type] = []

    async def wrong(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
        for task, args in (("nobody.knows", {}), ("shop.mail", {"to": 7})):
            try:
                await enqueue(conn, task, **args)
            except (UnknownTask, InvalidArguments) as exc:
                refused.append(type(exc))

    async with consuming(shop, handler(wrong)):
        shop.end()
        await until(lambda: refused and not shop.waiting())
    assert refused == [UnknownTask, InvalidArguments]


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_handler_that_takes_too_long_has_only_raised(shop: Shop, kind: str) -> None:
    """The events behind it are handled, also while its thread goes on."""

    async def slow(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
        await conn.execute(*note(event))
        if event.args["n"] == 1:
            await asyncio.sleep(60)

    def stuck(conn: psycopg.Connection[Any], event: Event) -> None:
        conn.execute(*note(event))
        if event.args["n"] == 1:
            done.wait(60)
            late.append(_write_again(conn))

    done, late = threading.Event(), []
    function = slow if kind == "async" else stuck
    async with consuming(shop, handler(function), handler_attempts=1, handler_timeout=0.5):
        ids = shop.end(4)
        await until(lambda: len(shop.seen()) == 3 and shop.parked())
        done.set()
    ((job_id, _, error),) = shop.parked()
    assert job_id == ids[1] and "took more than 0.5 s" in error
    shop.once([ids[0], *ids[2:]])


def _write_again(conn: psycopg.Connection[Any]) -> str:
    try:
        conn.cursor(row_factory=tuple_row).execute("select 1")
    except psycopg.Error as exc:
        return type(exc).__name__
    return "it could"


async def test_one_of_a_pair_that_is_not_declared_here_is_left_alone(shop: Shop) -> None:
    """A process of the version before, while the new pair is published already."""

    async def orders(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
        await conn.execute(*note(event))

    new = handler(orders, "shop.new")
    async with consuming(shop, handler(orders), new):
        pass
    async with consuming(shop, handler(orders)):
        pairs = [
            {"task": task, "event": "succeeded", "ordered_by": "job"} for task in ("shop.order", "shop.new")
        ]
        publish(shop.db, *pairs)
        (first,), (second,) = shop.end(1, task="shop.new"), shop.end(1)
        await until(shop.seen)
    shop.once([second])
    assert shop.waiting() == 1
    async with consuming(shop, handler(orders), new):
        await until(lambda: not shop.waiting())
    shop.once([first, second])


async def test_a_process_of_another_environment_takes_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    async with consuming(shop, handler(by_async), environment="elsewhere"):
        (job_id,) = shop.end(keys=["acme"])
        await until(lambda: "result handlers wait" in caplog.text)
    assert shop.seen() == [] and shop.waiting() == 1
    async with consuming(shop, handler(by_async)):
        await until(lambda: not shop.waiting())
    shop.once([job_id])


async def test_a_start_says_what_will_not_be_handled(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Published, over the right login: nothing to say."""
    async with consuming(shop, handler(by_async)):
        shop.end(keys=["acme"])
        await until(lambda: not shop.waiting())
    assert "not published" not in caplog.text and "is no handler's" not in caplog.text
    server = shop.db.dsn("server")
    async with consuming(shop, handler(by_async), handlers_consumer="others", handler_database_url=server):
        await until(lambda: "not published, so never called: shop.order succeeded" in caplog.text)
    assert "is no handler's: onewriter logins create" in caplog.text


@pytest.mark.parametrize("kind", ["async", "sync", "aa", "sa"])
async def test_a_connection_that_is_cut_is_nobodys_fault(
    shop: Shop, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In the middle of a handler; the event comes again over a new connection."""
    begun = threading.Event()

    async def waits(conn: Any, event: Event) -> None:
        if not begun.is_set():
            begun.set()
            await asyncio.sleep(0.3)
        await (by_async if kind == "async" else by_async_alchemy)(conn, event)

    def waits_in_a_thread(conn: Any, event: Event) -> None:
        if not begun.is_set():
            begun.set()
            time.sleep(0.3)
        (by_sync if kind == "sync" else by_sync_alchemy)(conn, event)

    function = waits if kind in ("async", "aa") else waits_in_a_thread
    one = handler(function, connection="sqlalchemy" if kind in ("aa", "sa") else "psycopg")
    async with consuming(shop, one, handler_attempts=2):
        ids = shop.end(3, keys=["acme"])
        await until(begun.is_set)
        shop.admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'onewriter handlers' and datname = current_database()"
        )
        await until(lambda: not shop.waiting(), say=shop.parked)
    shop.once(ids)
    assert shop.followed() == dict.fromkeys(ids, 1)
    assert "result handlers wait, trying again" in caplog.text
