"""A connection on which transactions of handlers run: begin, call, run a handler, commit or roll back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from app.database.pool import conninfo
from app.handlers.guard import COMMIT, RAISE_AT_COMMIT, LeftTransaction, LentAsync, check_returned, left

APPLICATION_NAME = "onewriter handlers"
DIALECT = "postgresql+psycopg://"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: of one call of a handler (and of each statement), and of silence in a transaction."""

    handler: float
    idle: float

    @property
    def options(self) -> str:
        """As libpq takes settings of a session."""
        return (
            f"-c statement_timeout={round(self.handler * 1000)}"
            f" -c idle_in_transaction_session_timeout={round(self.idle * 1000)}"
        )


class TooSlow(Exception):
    """A handler took longer than ONEWRITER_HANDLER_TIMEOUT."""


class Link(Protocol):
    """`lent` is what a handler gets. Whoever calls `begin` ends with `commit` or `rollback`.

    Statements raise psycopg errors; `commit` also LeftTransaction.
    """

    @property
    def broken(self) -> bool: ...
    @property
    def lent(self) -> Any: ...
    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def begin(self) -> None: ...
    async def fetch(self, query: str, *params: Any) -> list[tuple[Any, ...]]: ...
    async def run(self, function: Callable[[Any, Any], Any], what: Any) -> None:
        """Calls the handler, for at most the limit. Raises what it raises, TooSlow, LeftTransaction."""

    async def commit(self) -> None: ...
    async def rollback(self) -> None: ...


class AsyncLink:
    """For handlers that are coroutines."""

    def __init__(self, dsn: str, limits: Limits) -> None:
        self._dsn = dsn
        self._limits = limits
        self._conn: LentAsync | None = None

    @property
    def broken(self) -> bool:
        return self._conn is None or self._conn.closed

    @property
    def lent(self) -> Any:
        return self._conn

    async def open(self) -> None:
        given = conninfo(self._dsn, application_name=APPLICATION_NAME)
        self._conn = await LentAsync.connect(with_options(given, self._limits))

    async def close(self) -> None:
        if self._conn is not None:
            conn, self._conn = self._conn, None
            await conn.close()

    async def begin(self) -> None:
        await self._open_conn.execute(RAISE_AT_COMMIT)

    async def fetch(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        cursor = await self._open_conn.execute(query.encode(), params)
        return await cursor.fetchall() if cursor.description else []

    async def run(self, function: Callable[[Any, Any], Any], what: Any) -> None:
        conn = self._open_conn
        conn.lent = True
        try:
            async with limited(self._limits.handler):
                await function(self.lent, what)
        finally:
            conn.lent = False
        check_returned(conn)

    async def commit(self) -> None:
        try:
            await self._open_conn.execute(COMMIT, prepare=False)
        except psycopg.Error as exc:
            raise (LeftTransaction() if left(exc) else exc) from exc

    async def rollback(self) -> None:
        if not self.broken:
            await self._open_conn.rollback()

    @property
    def _open_conn(self) -> LentAsync:
        if self._conn is None:
            raise psycopg.OperationalError("the connection is closed")
        return self._conn


class AsyncAlchemyLink(AsyncLink):
    """Lends SQLAlchemy's connection over the same transaction."""

    def __init__(self, dsn: str, limits: Limits) -> None:
        super().__init__(dsn, limits)
        self._engine: AsyncEngine | None = None
        self._lent: AsyncConnection | None = None

    @property
    def lent(self) -> Any:
        return self._lent

    async def open(self) -> None:
        await super().open()
        conn = self._open_conn

        async def give() -> LentAsync:
            return conn

        # The pool never touches the connection: transactions are the link's.
        self._engine = create_async_engine(
            DIALECT, async_creator=give, poolclass=StaticPool, pool_reset_on_return=None
        )
        async with self._engine.connect():  # asks the server some questions, once
            await conn.rollback()

    async def begin(self) -> None:
        assert self._engine is not None
        await super().begin()
        self._lent = await self._engine.connect()
        await self._lent.begin()

    async def commit(self) -> None:
        await super().commit()
        await self._give_back()

    async def rollback(self) -> None:
        await super().rollback()
        await self._give_back()

    async def close(self) -> None:
        with contextlib.suppress(SQLAlchemyError, psycopg.Error):  # of a line that is dead
            await self._give_back()
        await super().close()

    async def _give_back(self) -> None:
        """Its transaction has ended below it already."""
        lent, self._lent = self._lent, None
        if lent is not None:
            await lent.close()


@contextlib.asynccontextmanager
async def limited(seconds: float) -> AsyncIterator[None]:
    """Raises TooSlow when they are over; a handler that cancels itself has only raised."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError as exc:
        if limit.expired():
            raise TooSlow(f"the handler took more than {seconds:g} s") from exc
        raise
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise RuntimeError("the handler was cancelled from within") from exc


def with_options(dsn: str, limits: Limits) -> str:
    """The limits, under what the DSN's own options say."""
    given = psycopg.conninfo.conninfo_to_dict(dsn)
    options = " ".join(filter(None, (limits.options, str(given.get("options") or ""))))
    return psycopg.conninfo.make_conninfo(dsn, options=options)
