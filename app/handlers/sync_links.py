"""The same for handlers that are no coroutines: their connection lives in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import StaticPool

from app.database.pool import conninfo
from app.handlers.guard import COMMIT, RAISE_AT_COMMIT, LeftTransaction, LentSync, check_returned, left
from app.handlers.links import APPLICATION_NAME, DIALECT, Limits, TooSlow, limited, with_options

T = TypeVar("T")
Errand = Callable[[], None] | None


class Hand:
    """A thread that does one thing after another. A daemon: what never returns must not keep the process."""

    def __init__(self) -> None:
        self._errands: SimpleQueue[Errand] = SimpleQueue()
        threading.Thread(target=self._work, name="onewriter handlers", daemon=True).start()

    async def do(self, function: Callable[..., T], *args: Any) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        context = copy_context()

        def errand() -> None:
            try:
                result, error = context.run(function, *args), None
            except BaseException as exc:  # noqa: BLE001 (raised where it is waited for)
                result, error = None, exc
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(_settle, future, result, error)

        self._errands.put(errand)
        return await future

    def leave(self) -> None:
        """After what it does now it ends."""
        self._errands.put(None)

    def _work(self) -> None:
        while (errand := self._errands.get()) is not None:
            errand()


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # a future takes everything else
        future.set_exception(RuntimeError("the handler raised StopIteration"))
    else:
        future.set_exception(error)


class SyncLink:
    """For handlers that are no coroutines."""

    def __init__(self, dsn: str, limits: Limits) -> None:
        self._dsn = dsn
        self._limits = limits
        self._hand = Hand()
        self._conn: LentSync | None = None

    @property
    def broken(self) -> bool:
        return self._conn is None or self._conn.closed

    @property
    def lent(self) -> Any:
        return self._conn

    async def open(self) -> None:
        given = with_options(conninfo(self._dsn, application_name=APPLICATION_NAME), self._limits)
        self._conn = await self._hand.do(LentSync.connect, given)

    async def close(self) -> None:
        if self._conn is not None:
            await self._hand.do(self._conn.close)
            self._conn = None
        self._hand.leave()

    async def begin(self) -> None:
        await self._hand.do(self._open_conn.execute, RAISE_AT_COMMIT)

    async def fetch(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        return await self._hand.do(self._fetch, query, params)

    def _fetch(self, query: str, params: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        cursor = self._open_conn.execute(query.encode(), params)
        return cursor.fetchall() if cursor.description else []

    async def run(self, function: Callable[[Any, Any], Any], what: Any) -> None:
        """A thread cannot be stopped: one that is late loses its connection, and is left to itself."""
        try:
            async with limited(self._limits.handler):
                await self._hand.do(self._run, function, what)
        except (TooSlow, asyncio.CancelledError):
            self._abandon()
            raise

    def _run(self, function: Callable[[Any, Any], Any], what: Any) -> None:
        conn = self._open_conn
        conn.lent = True
        try:
            function(self.lent, what)
        finally:
            conn.lent = False
        check_returned(conn)

    async def commit(self) -> None:
        await self._hand.do(self._commit)

    def _commit(self) -> None:
        try:
            self._open_conn.execute(COMMIT, prepare=False)
        except psycopg.Error as exc:
            raise (LeftTransaction() if left(exc) else exc) from exc

    async def rollback(self) -> None:
        if not self.broken:
            await self._hand.do(self._rollback)

    def _rollback(self) -> None:
        self._open_conn.rollback()

    @property
    def _open_conn(self) -> LentSync:
        if self._conn is None:
            raise psycopg.OperationalError("the connection is closed")
        return self._conn

    def _abandon(self) -> None:
        """The server sees the end of the line and rolls back; the thread ends when the handler returns."""
        conn, self._conn = self._open_conn, None
        with contextlib.suppress(psycopg.Error, OSError):
            conn.cancel()
            with socket.socket(fileno=os.dup(conn.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)
        self._hand.leave()


class SyncAlchemyLink(SyncLink):
    """Lends SQLAlchemy's connection over the same transaction."""

    def __init__(self, dsn: str, limits: Limits) -> None:
        super().__init__(dsn, limits)
        self._engine: Engine | None = None
        self._lent: Connection | None = None

    @property
    def lent(self) -> Any:
        return self._lent

    async def open(self) -> None:
        await super().open()
        await self._hand.do(self._make_engine)

    def _make_engine(self) -> None:
        conn = self._open_conn
        self._engine = create_engine(
            DIALECT, creator=lambda: conn, poolclass=StaticPool, pool_reset_on_return=None
        )
        with self._engine.connect():  # asks the server some questions, once
            conn.rollback()

    async def begin(self) -> None:
        await super().begin()
        await self._hand.do(self._lend)

    def _lend(self) -> None:
        assert self._engine is not None
        self._lent = self._engine.connect()
        self._lent.begin()

    def _commit(self) -> None:
        super()._commit()
        self._give_back()

    def _rollback(self) -> None:
        super()._rollback()
        self._give_back()

    def _give_back(self) -> None:
        """Its transaction has ended below it already."""
        lent, self._lent = self._lent, None
        if lent is not None:
            lent.close()
