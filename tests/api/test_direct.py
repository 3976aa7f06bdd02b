"""The connection under the enqueue flushes: one statement, and what follows its commit in the same packet."""

import psycopg
import pytest

from app.database.direct import Direct
from tests.support.cluster import Database

HALF = b"half"


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
