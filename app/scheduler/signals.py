"""A call of the contract, and the signals that its answer asks for after the commit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import sql

from app.database.pool import Connection


async def call(conn: Connection, query: str, *params: Any) -> Any:
    """The single value that a function answers. The connection is in autocommit: it's committed then."""
    cursor = await conn.execute(query.encode(), params)
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


async def notify(conn: Connection, channels: Iterable[str]) -> None:
    """One round trip; a transaction of nothing but NOTIFY writes no WAL."""
    statements = [sql.SQL("notify {}").format(sql.Identifier(channel)) for channel in sorted(set(channels))]
    if statements:
        await conn.execute(sql.SQL("; ").join(statements))
