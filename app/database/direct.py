"""One connection, one statement in flight, on libpq's own asynchronous interface.

For the two paths on which a cursor's work per call (0.1 ms of Python) would be most of the cost: the enqueue
flushes and the NOTIFYs. The reader stays registered, so that a server which hangs up is noticed at once.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

import psycopg
from psycopg import errors, pq
from psycopg.pq.abc import PGresult

from app.database.pool import Connection, connect

GOOD = frozenset({pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK})


class Direct:
    """`broken` connections are to be closed and replaced. Calls raise psycopg errors."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._pgconn = conn.pgconn
        self._fd = conn.fileno()
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[list[PGresult]] | None = None
        self._results: list[PGresult] = []
        self._syncs = 0
        self.broken = False
        self._watch()

    @classmethod
    async def connect(cls, dsn: str, *, application_name: str) -> Self:
        return cls(await connect(dsn, application_name=application_name))

    async def close(self) -> None:
        self._give_up(psycopg.OperationalError("the connection was closed"))
        await self._conn.close()

    async def prepare(self, name: bytes, statement: bytes) -> None:
        await self._call(lambda: self._pgconn.send_prepare(name, statement))

    async def run_prepared(self, name: bytes, values: Sequence[bytes]) -> bytes | None:
        """The one value of the one row, as text."""
        results = await self._call(lambda: self._pgconn.send_query_prepared(name, values))
        return results[0].get_value(0, 0)

    async def run_prepared_then(
        self, name: bytes, values: Sequence[bytes], after: Sequence[bytes]
    ) -> bytes | None:
        """The same, and right behind its commit, in the same packet, statements nobody waits for."""

        def send() -> None:
            self._pgconn.enter_pipeline_mode()
            self._pgconn.send_query_prepared(name, values)
            self._pgconn.pipeline_sync()
            for statement in after:
                self._pgconn.send_query_params(statement, None)
            self._pgconn.pipeline_sync()

        results = await self._call(send, syncs=2)
        return results[0].get_value(0, 0)

    async def run(self, statements: bytes) -> None:
        await self._call(lambda: self._pgconn.send_query(statements))

    async def _call(self, send: Callable[[], None], syncs: int = 0) -> list[PGresult]:
        """`syncs` is how many of them end the answer in pipeline mode."""
        if self.broken or self._answer is not None:
            raise psycopg.OperationalError("the connection is broken or in use")
        self._answer, self._syncs = self._loop.create_future(), syncs
        try:
            send()
            self._flush()
            results = await self._answer
            if syncs:
                self._pgconn.exit_pipeline_mode()
                del results[1:]
        except (
            BaseException
        ) as exc:  # cancelled too: an answer that nobody reads would be taken for the next one
            self._give_up(exc)
            raise
        finally:
            self._answer = None
        for result in results:
            if result.status not in GOOD:
                raise errors.error_from_result(result)
        return results

    def _flush(self) -> None:
        if self._pgconn.flush():
            self._loop.add_writer(self._fd, self._writable)

    def _writable(self) -> None:
        try:
            if not self._pgconn.flush():
                self._loop.remove_writer(self._fd)
        except psycopg.Error as exc:
            self._give_up(exc)

    def _readable(self) -> None:
        self._read()
        if not self.broken:
            self._watch()

    def _watch(self) -> None:
        """Anew after each read: uvloop tells of a reset once, even if an answer is to be read before it.

        (libuv ends a poll handle at the first POLLERR; later reads would find the reset, but nobody calls.)
        """
        self._loop.remove_reader(self._fd)
        self._loop.add_reader(self._fd, self._readable)

    def _read(self) -> None:
        try:
            self._pgconn.consume_input()
            if self._answer is None:  # to an idle connection a server says little but goodbye
                self._give_up(psycopg.OperationalError("the server hung up"))
                return
            while not self._pgconn.is_busy():
                if self._take(self._pgconn.get_result()):
                    self._finish()
                    return
        except psycopg.Error as exc:
            self._give_up(exc)

    def _take(self, result: PGresult | None) -> bool:
        """Whether that was the end; in pipeline mode None only ends one statement's results."""
        if result is None:
            return not self._syncs
        if result.status == pq.ExecStatus.PIPELINE_SYNC:
            self._syncs -= 1
            return not self._syncs
        self._results.append(result)
        return False

    def _finish(self) -> None:
        results, self._results = self._results, []
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(results)

    def _give_up(self, exc: BaseException) -> None:
        if not self.broken:
            self.broken = True
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc)
