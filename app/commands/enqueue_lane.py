"""One dedicated connection of the enqueue path, kept open, reopened when it broke."""

import select
from time import monotonic

from psycopg import AsyncRawCursor

from app.database.pool import Connection, connect

# After this many seconds without use the connection is looked at before a flush is trusted to it.
STALE = 0.5
ENQUEUE_MANY = "select server_api.enqueue_many($1)"


class Lane:
    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._conn: Connection | None = None
        self._used = 0.0

    async def enqueue_many(self, jobs: bytes) -> bytes:
        """Raises psycopg errors. After a lost connection nobody knows whether the call was committed."""
        conn = await self._ready()
        async with AsyncRawCursor(conn) as cursor:
            await cursor.execute(ENQUEUE_MANY, (jobs.decode(),), prepare=True)
            self._used = monotonic()
            result = cursor.pgresult
            value = result.get_value(0, 0) if result is not None else None
        return value or b'{"ids":[]}'

    async def close(self) -> None:
        if self._conn is not None:
            conn, self._conn = self._conn, None
            await conn.close()

    async def _ready(self) -> Connection:
        conn = self._conn
        if conn is not None and not (conn.closed or (monotonic() - self._used > STALE and _hung_up(conn))):
            return conn
        await self.close()
        self._conn = await connect(self._dsn, application_name="onewriter enqueue")
        return self._conn


def _hung_up(conn: Connection) -> bool:
    """Whether the server has said something meanwhile, which to an idle connection is mostly goodbye."""
    poll = select.poll()
    poll.register(conn.fileno(), select.POLLIN)
    return bool(poll.poll(0))
