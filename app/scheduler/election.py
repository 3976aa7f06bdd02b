"""Leadership is a session-level lock on one kept connection: losing the connection is losing the lead."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random

import psycopg

from app.database.pool import Connection, connect
from app.database.sqlstates import QUARANTINED
from app.settings import DEFAULT_ENVIRONMENT

log = logging.getLogger(__name__)

NAME = "scheduler"
# Held beside the lead by whoever fires schedules: so that /readyz can tell that nobody does.
FIRING = "schedules"
# Seconds between two tries of a process that doesn't lead.
RETRY = (5.0, 10.0)
# Seconds between two tries or runs, however often somebody signals: NOTIFY cannot be forbidden.
GAP = 0.2


class Leadership:
    """Lends the leader's connection; the loops work on it, so none of them can outlive the lead.

    In a copy that nobody armed there is no lead to have; `called` is set when that may have changed.
    """

    def __init__(
        self,
        dsn: str,
        *,
        environment: str = DEFAULT_ENVIRONMENT,
        fires: bool = True,
        retry: tuple[float, float] = RETRY,
    ) -> None:
        self.called = asyncio.Event()
        self._dsn = dsn
        self._environment = environment
        self._locks = (NAME, FIRING) if fires else (NAME,)
        self._retry = retry
        self._refused = ""
        self._conn: Connection | None = None
        self._leading = False
        self._electing = asyncio.Lock()

    @property
    def leading(self) -> bool:
        return self._leading and self._conn is not None and not self._conn.closed

    async def connection(self) -> Connection:
        """The connection that holds the lead; waits until this process has it. Raises psycopg.Error."""
        async with self._electing:
            while not self.leading:
                conn = await self._connected()
                self.called.clear()
                self._leading = await self._elected(conn)
                if not self._leading:
                    await self._pause()
                else:
                    log.info("leading")
            assert self._conn is not None
            return self._conn

    async def _elected(self, conn: Connection) -> bool:
        """A copy that nobody armed is said once; it is asked again when it may have been armed."""
        try:
            led = await self._take_locks(conn)
        except psycopg.Error as exc:
            if exc.sqlstate not in QUARANTINED:
                raise
            reason = str(exc).split("\n")[0]
            if reason != self._refused:
                log.warning("Nothing runs here: %s", reason)
            self._refused = reason
            return False
        self._refused = ""
        return led

    async def _take_locks(self, conn: Connection) -> bool:
        """In order: only who leads may fire. Where the second is still held, it is asked again."""
        for lock in self._locks:
            if not await elect(conn, lock, self._environment):
                return False
        return True

    async def _pause(self) -> None:
        seconds = random.uniform(*self._retry)  # jitter
        if not self._refused:
            await asyncio.sleep(seconds)
            return
        await asyncio.sleep(min(GAP, seconds))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.called.wait()

    async def close(self) -> None:
        if self._conn is not None:
            await self._conn.close()
        self._conn, self._leading = None, False

    async def _connected(self) -> Connection:
        if self._conn is None or self._conn.closed:
            self._leading = False
            self._conn = await connect(self._dsn, application_name="onewriter scheduler")
        return self._conn


async def elect(conn: Connection, lock: str, environment: str) -> bool:
    cursor = await conn.execute("select server_api.elect(%s, %s)", [lock, environment])
    row = await cursor.fetchone()
    return bool(row and row[0])
