"""The connection under the enqueue flushes: one statement, and what follows its commit in the same packet."""

import asyncio
import time

import psycopg
import pytest
import uvloop

from app.database.direct import Direct
from tests.support.cluster import Database
from tests.support.proxy import Proxy

HALF = b"half"
# ReadyForQuery, outside of a transaction: the end of an answer.
READY = b"Z\0\0\0\5I"


async def test_what_follows_neither_delays_nor_spoils_the_answer(db: Database) -> None:
    listener = db.connect("server")
    listener.execute("listen ow_any")
    direct = await Direct.connect(db.dsn("server"), application_name="test")
    try:
        await direct.prepare(HALF, b"select 10 / $1::integer")
        assert await direct.run_prepared_then(HALF, [b"2"], [b"notify ow_any"]) == b"5"
        with pytest.raises(psycopg.errors.DivisionByZero):
            await direct.run_prepared_then(HALF, [b"0"], [b"notify ow_any"])
        assert await direct.run_prepared_then(HALF, [b"5"], [b"no statement", b"notify ow_any"]) == b"2"
        assert await direct.run_prepared(HALF, [b"1"]) == b"10"
        assert not direct.broken
    finally:
        await direct.close()
    assert len(list(listener.notifies(timeout=0.5))) == 2, "not the one behind the statement that failed"


@pytest.mark.parametrize("marker", [b"marked", READY], ids=["within its answer", "behind its answer"])
def test_a_reset_is_never_waited_for(db: Database, marker: bytes) -> None:
    """With some of an answer before it: uvloop tells of both at once, and of that socket never again."""
    with Proxy(db.server.port) as proxy:
        uvloop.run(_is_reset(proxy.dsn(db.dsn("server")), proxy, marker))


async def _is_reset(dsn: str, proxy: Proxy, marker: bytes) -> None:
    direct = await Direct.connect(dsn, application_name="test")
    try:
        await direct.prepare(HALF, b"select 'marked'::text")
        proxy.reset_at(marker)
        answer = asyncio.create_task(direct.run_prepared(HALF, []))
        await asyncio.sleep(0)
        while not proxy.cuts:
            time.sleep(0.01)  # noqa: ASYNC251 (this loop must find the answer and the reset at once)
        async with asyncio.timeout(5):
            with pytest.raises(psycopg.OperationalError):  # noqa: PT012 (the first call that finds it)
                await answer
                await direct.run_prepared(HALF, [])
        assert direct.broken
    finally:
        await direct.close()
