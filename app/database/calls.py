"""One call of a function of the contract."""

from __future__ import annotations

from typing import Any

from app.database.pool import Connection


async def call(conn: Connection, query: str, *params: Any) -> Any:
    """The single value that the function answers. On a connection in autocommit it's committed then.

    Raises psycopg errors.
    """
    cursor = await conn.execute(query.encode(), params)
    row = await cursor.fetchone()
    assert row is not None
    return row[0]
