"""Flows that somebody holds keep their ends, however many, and hold up no other."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from app.scheduler import flows
from tests.sql.test_flows import chain, flow, group, run, server, start
from tests.sql.test_verbs import call
from tests.support.cluster import Database
from tests.support.protocol import Session, job

__all__ = ["server"]  # the fixture
Conn = psycopg.Connection[Any]
MANY = 501  # ends: more than one call takes


@contextmanager
def holding(db: Database, flow_id: int) -> Iterator[None]:
    with psycopg.connect(db.dsn("admin")) as other:
        other.execute("select from jobs.flow where id = %s for update", [flow_id])
        yield


def started(server: Conn, flow_id: int) -> int:
    return int(flow(server, flow_id)["started"])


def ended_in_front(db: Database, server: Conn) -> tuple[int, int]:
    """A group of which all have ended, and a chain behind it."""
    held = start(server, group(*[job() for _ in range(MANY)], callback=job(task="sum", queue="later")))
    run(Session(db), want=MANY)
    free = start(server, chain(job(), job(task="sum", queue="later")))
    run(Session(db))
    return held["flows"][0], free["flows"][0]


def test_the_next_call_looks_behind_the_ends_that_stay(db: Database, server: Conn) -> None:
    held, free = ended_in_front(db, server)
    advance = "select server_api.advance_flows(%s)"
    with holding(db, held):
        first = call(server, advance, 0)
        assert (first["taken"], first["left"], started(server, free)) == (0, 500, 1)
        behind = call(server, advance, first["last"])
        assert (behind["taken"], behind["left"], started(server, free)) == (1, 1, 2)
        assert call(server, advance, behind["last"])["last"] is None


async def test_the_scheduler_looks_behind_them(db: Database, server: Conn) -> None:
    held, free = ended_in_front(db, server)
    conn = await db.aconnect("server")
    with holding(db, held):
        assert await flows.run_once(conn) == flows.HELD
        assert started(server, free) == 2
    assert await flows.run_once(conn) is None
    assert flow(server, held)["state"] == "succeeded"


def test_a_queueing_lock_that_many_flows_want_is_waited_for_once(db: Database, server: Conn) -> None:
    """Not 50 ms for each of them."""
    worker = Session(db)
    start(server, {"job": job()})  # the queue is there: nobody waits for its row
    run(worker)
    start(server, *[chain(job(), job(task="sum", queueing_lock="q")) for _ in range(100)])
    start(server, chain(job(), job(task="sum")))
    run(worker, want=101)
    with db.connect("server", autocommit=False) as other:
        start(other, {"job": job(queueing_lock="q")})
        began = time.monotonic()
        answer = call(server, "select server_api.advance_flows()")
        assert time.monotonic() - began < 4
        assert (answer["taken"], answer["left"]) == (1, 100)
        other.rollback()
