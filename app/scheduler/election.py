"""Leadership is a session-level lock on one kept connection: losing the connection is losing the lead."""

from __future__ import annotations

import asyncio
import logging
import random

from app.database.pool import Connection, connect

log = logging.getLogger(__name__)

NAME = "scheduler"
# Seconds between two tries of a process that doesn't lead.
RETRY = (5.0, 10.0)


class Leadership:
    """Lends the leader's connection; the loops work on it, so none of them can outlive the lead."""

    def __init__(self, dsn: str, *, retry: tuple[float, float] = RETRY) -> None:
        self._dsn = dsn
        self._retry = retry
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
                self._leading = await elect(conn)
                if not self._leading:
                    await asyncio.sleep(random.uniform(*self._retry))  # jitter
                else:
                    log.info("leading")
            assert self._conn is not None
            return self._conn

    async def close(self) -> None:
        if self._conn is not None:
            await self._conn.close()
        self._conn, self._leading = None, False

    async def _connected(self) -> Connection:
        if self._conn is None or self._conn.closed:
            self._leading = False
            self._conn = await connect(self._dsn, application_name="onewriter scheduler")
        return self._conn


async def elect(conn: Connection) -> bool:
    cursor = await conn.execute("select server_api.elect(%s)", [NAME])
    row = await cursor.fetchone()
    return bool(row and row[0])
