"""LISTEN on a direct connection of its own, reconnecting with jitter for as long as the process lives."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from app.database.backoff import LONGEST, Backoff
from app.database.pool import Connection, connect

log = logging.getLogger(__name__)
Callback = Callable[[], None]


def _nothing() -> None:
    pass


class Listener:
    """Calls `callbacks[channel]()` on each NOTIFY. Payloads are never read: a signal is a hint, not data.

    `on_reconnect` is called whenever LISTEN stands (the first time too): what was signalled before it is
    unknown, so the owner looks for itself then. `on_lost` is called when the connection goes.
    """

    def __init__(
        self,
        dsn: str,
        callbacks: Mapping[str, Callback],
        *,
        on_reconnect: Callback = _nothing,
        on_lost: Callback = _nothing,
        application_name: str = "onewriter listen",
        longest_pause: float = LONGEST,
    ) -> None:
        self._dsn = dsn
        self._callbacks = dict(callbacks)
        self._on_reconnect = on_reconnect
        self._on_lost = on_lost
        self._application_name = application_name
        self._backoff = Backoff(longest=longest_pause)
        self._task: asyncio.Task[None] | None = None
        self._missed = False
        self._standing = asyncio.Event()

    @property
    def alive(self) -> bool:
        return self._standing.is_set()

    async def wait_alive(self) -> None:
        await self._standing.wait()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="listener")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as exc:
                self._lost(exc)
            await asyncio.sleep(self._backoff.next())

    async def _listen(self) -> None:
        conn = await connect(self._dsn, application_name=self._application_name)
        try:
            await self._subscribe(conn)
            self._stands()
            async for notify in conn.notifies():
                self._callbacks.get(notify.channel, _nothing)()
        finally:
            await conn.close()

    async def _subscribe(self, conn: Connection) -> None:
        for channel in self._callbacks:
            await conn.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))

    def _stands(self) -> None:
        if self._missed:
            log.info("LISTEN stands again")
        self._missed = False
        self._backoff.reset()
        self._standing.set()
        self._on_reconnect()

    def _lost(self, exc: Exception) -> None:
        """One line per outage, however often it is tried."""
        if not self._missed:
            log.warning("LISTEN connection lost, reconnecting: %s", str(exc).split("\n")[0])
        self._missed = True
        if self.alive:
            self._standing.clear()
            self._on_lost()
