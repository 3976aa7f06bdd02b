"""One value over whatever connection a caller has: psycopg's or SQLAlchemy's, awaited or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import tuple_row
from sqlalchemy import Connection, CursorResult, Result, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session

from app.database.sqlstates import ERRORS, translate

AsyncConn = psycopg.AsyncConnection[Any] | AsyncConnection | AsyncSession
SyncConn = psycopg.Connection[Any] | Connection | Session
ASYNC = (psycopg.AsyncConnection, AsyncConnection, AsyncSession)
SYNC = (psycopg.Connection, Connection, Session)


class Query(NamedTuple):
    """`{name}` in the statement stands for the parameter of that name; the answer is one text, or none."""

    statement: str
    params: dict[str, Any]

    def written(self, placeholder: str) -> str:
        """With each parameter as a driver marks it, `%(name)s` or `:name`."""
        return self.statement.format_map({name: placeholder.format(name) for name in self.params})


def require_connection(conn: object) -> None:
    """Raises TypeError."""
    if not isinstance(conn, (*ASYNC, *SYNC)):
        raise TypeError(f"{type(conn).__name__} is no connection or session of psycopg or SQLAlchemy")


def ask(conn: SyncConn, query: Query) -> str:
    """In the caller's transaction. Raises OnewriterError, and what the driver raises."""
    with _ours():
        if isinstance(conn, psycopg.Connection):
            with conn.cursor(row_factory=tuple_row) as cursor:
                cursor.execute(query.written("%({})s").encode(), query.params)
                return _first(cursor.fetchone() if cursor.description else None)
        result = conn.execute(text(query.written(":{}")), query.params)
        return _first(result.fetchone() if _has_rows(result) else None)


async def ask_async(conn: AsyncConn, query: Query) -> str:
    """The same, awaited."""
    with _ours():
        if isinstance(conn, psycopg.AsyncConnection):
            async with conn.cursor(row_factory=tuple_row) as cursor:
                await cursor.execute(query.written("%({})s").encode(), query.params)
                return _first(await cursor.fetchone() if cursor.description else None)
        result = await conn.execute(text(query.written(":{}")), query.params)
        return _first(result.fetchone() if _has_rows(result) else None)


def _has_rows(result: Result[Any]) -> bool:
    return isinstance(result, CursorResult) and result.returns_rows


def _first(row: Sequence[Any] | None) -> str:
    return "" if row is None else str(row[0])


@contextmanager
def _ours() -> Iterator[None]:
    """What the contract raises is an error of ours, whichever driver brings it."""
    try:
        yield
    except (psycopg.Error, DBAPIError) as exc:
        cause = exc.orig if isinstance(exc, DBAPIError) else exc
        if getattr(cause, "sqlstate", None) not in ERRORS:
            raise
        assert cause is not None
        raise translate(cause) from exc
