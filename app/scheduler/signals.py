"""The signals that the answer of a call asks for, after its commit."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from app.database.pool import Connection


async def notify(conn: Connection, channels: Iterable[str]) -> None:
    """One round trip; a transaction of nothing but NOTIFY writes no WAL."""
    statements = [sql.SQL("notify {}").format(sql.Identifier(channel)) for channel in sorted(set(channels))]
    if statements:
        await conn.execute(sql.SQL("; ").join(statements))
