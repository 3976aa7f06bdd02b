"""What a domain in another database asks of the queue, relayed after its commit, each row once.

Its row is locked, told to the queue, which remembers its id in the transaction that starts the jobs, and
deleted. Whoever dies between the two commits leaves the row; told again, the queue knows it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import msgspec
import psycopg

from app.commands.catalogue import Catalogue
from app.database.pool import Connection, connect
from app.database.sqlstates import is_content
from app.errors import OnewriterError
from app.handlers.queue import Acknowledged, Fetching
from app.handlers.wishes import Wish, build, items

log = logging.getLogger(__name__)

# Rows in one transaction.
MOST = 100
APPLICATION_NAME = "onewriter relay"
TAKE = """select id::text, wish::text from onewriter_inbox.outgoing
           where next_at is null or next_at <= clock_timestamp()
           order by at, id limit %s for update skip locked"""
DONE = "delete from onewriter_inbox.outgoing where id = any (%s::uuid[])"
# 1 s, doubling to ten minutes: a task may yet be published.
DELAY = """update onewriter_inbox.outgoing
              set attempts = attempts + 1, error = %s,
                  next_at = clock_timestamp()
                            + make_interval(secs => least(600, power(2, least(attempts, 10))))
            where id = %s::uuid"""
NEXT = """select extract(epoch from min(coalesce(next_at, clock_timestamp())) - clock_timestamp())::float8
            from onewriter_inbox.outgoing"""
RELAY = "select server_api.require_armed(%s), server_api.relay_jobs(%s)"

Row = tuple[str, str]


class Relay:
    """Used as a lane is: `turn` until there is nothing, then `pause`. `close` after psycopg errors."""

    def __init__(
        self,
        domain: str,
        environment: str,
        desk: Fetching,
        catalogue: Callable[[], Awaitable[Catalogue]],
        signal: Callable[[Iterable[str]], None],
    ) -> None:
        self._dsn = domain
        self._environment = environment
        self._desk = desk
        self._catalogue = catalogue
        self._signal = signal
        self._conn: Connection | None = None

    async def turn(self) -> bool:
        """One transaction of the domain; whether there was anything to do."""
        conn = await self._connection()
        async with conn.transaction():
            rows = await (await conn.execute(TAKE.encode(), (MOST,))).fetchall()
            if not rows:
                return False
            done = await self._relay(conn, rows)
            await conn.execute(DONE.encode(), (done,))
        return True

    async def pause(self) -> float | None:
        """Seconds until one is to be tried again; None if none waits."""
        cursor = await (await self._connection()).execute(NEXT.encode())
        row = await cursor.fetchone()
        return None if row is None else row[0]

    async def close(self) -> None:
        if self._conn is not None:
            conn, self._conn = self._conn, None
            with suppress(psycopg.Error, OSError):
                await conn.close()

    async def _connection(self) -> Connection:
        if self._conn is None or self._conn.closed:
            self._conn = await connect(self._dsn, application_name=APPLICATION_NAME)
        return self._conn

    async def _relay(self, conn: Connection, rows: list[Row]) -> list[str]:
        """Together; where the queue refuses that, one by one, and what it refuses then is tried later."""
        catalogue = await self._catalogue()
        built = []
        for row_id, wish in rows:
            try:
                built.append((row_id, items(build(msgspec.json.decode(wish, type=Wish), catalogue))))
            except (OnewriterError, msgspec.MsgspecError) as exc:
                await self._delay(conn, row_id, exc)
        try:
            await self._tell(built)
        except psycopg.Error as exc:
            if not is_content(exc):
                raise
            return [row_id for row_id, follow in built if await self._told(conn, row_id, follow)]
        return [row_id for row_id, _ in built]

    async def _told(self, conn: Connection, row_id: str, follow: list[Any]) -> bool:
        try:
            await self._tell([(row_id, follow)])
        except psycopg.Error as exc:
            if not is_content(exc):
                raise
            await self._delay(conn, row_id, exc)
            return False
        return True

    async def _tell(self, rows: list[tuple[str, list[Any]]]) -> None:
        if not rows:
            return
        text = msgspec.json.encode([{"id": row_id, "items": follow} for row_id, follow in rows]).decode()
        answers = await self._desk.fetch(RELAY, self._environment, text)
        self._signal(msgspec.json.decode(answers[0][1], type=Acknowledged).wake)

    async def _delay(self, conn: Connection, row_id: str, error: Exception) -> None:
        reason = _reason(error)
        log.warning("the queue did not take row %s of the domain: %s", row_id, reason)
        await conn.execute(DELAY.encode(), (reason, row_id))


def _reason(error: Exception) -> str:
    """One line; of an error of ours with the fields that are at fault."""
    fields = error.errors if isinstance(error, OnewriterError) else ()
    first = str(error).split("\n")[0]
    return "; ".join([first, *(f"{field.field} {field.message}" for field in fields)])
