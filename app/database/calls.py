"""Calls of functions of the contract."""

from __future__ import annotations

from typing import Any

import msgspec

from app.database.pool import Connection


async def call(conn: Connection, query: str, *params: Any) -> Any:
    """The single value that the function answers. On a connection in autocommit it's committed then.

    Raises psycopg errors.
    """
    cursor = await conn.execute(query.encode(), params)
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


async def call_object(conn: Connection, query: str, *params: Any) -> dict[str, Any]:
    """The same of a function that answers a JSON object, whether or not the connection decodes JSON."""
    value = await call(conn, query, *params)
    answer = msgspec.json.decode(value) if isinstance(value, msgspec.Raw | str | bytes) else value
    assert isinstance(answer, dict)
    return answer
