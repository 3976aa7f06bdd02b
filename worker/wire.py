"""One direct connection in libpq's pipeline mode: calls, LISTEN, NOTIFY and sleeping on its socket.

psycopg connects; after that the hot path talks to its `pgconn`, because one exchange then costs a
single send and a single receive, the NOTIFYs of the last one travel in the same packet, and every wait
has a deadline (a server that is frozen must not freeze the worker).
"""

from __future__ import annotations

import functools
import logging
import re
import select
import time
from collections.abc import Callable, Iterable, Sequence
from typing import ParamSpec, TypeVar

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from worker.errors import Lost, Refused, ServerError

logger = logging.getLogger(__name__)

_EXCHANGE = b"ow_exchange"
_EXCHANGE_SQL = b"select worker_api.exchange($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
_CHANNEL = re.compile(r"[a-z0-9_]{1,63}")

Statement = tuple[bytes, Sequence[bytes | None]]


def checked_dsn(dsn: str, application_name: str) -> str:
    """Adds what the worker wants where the DSN doesn't say; raises Refused if it cannot be parsed."""
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as exc:
        raise Refused("ONEWRITER_WORKER_DATABASE_URL cannot be read as a PostgreSQL DSN.") from exc
    wanted: dict[str, str | int] = {"application_name": application_name, "connect_timeout": 10}
    return make_conninfo(dsn, **{key: value for key, value in wanted.items() if key not in given})


P = ParamSpec("P")
R = TypeVar("R")


def _loses(method: Callable[P, R]) -> Callable[P, R]:
    """psycopg's own errors mean one thing here: the connection is gone."""

    @functools.wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except psycopg.Error as exc:
            raise Lost(str(exc).strip()) from exc

    return wrapped


class Wire:
    """`woken` is set by any notification, `summoned` by one for this session; whoever acts clears them."""

    def __init__(self, dsn: str, patience: float, wake_fd: int):
        self.woken = False
        self.summoned = False
        self._patience = patience
        self._poll = select.poll()
        self._asleep = select.poll()
        try:
            self._connection = psycopg.connect(dsn, autocommit=True)
        except psycopg.Error as exc:
            raise Lost(str(exc).strip()) from exc
        self._pgconn = self._connection.pgconn
        self._pgconn.notice_handler = None
        self._fd = self._pgconn.socket
        self._poll.register(self._fd, select.POLLIN)
        self._asleep.register(self._fd, select.POLLIN)
        self._asleep.register(wake_fd, select.POLLIN)
        self._pgconn.enter_pipeline_mode()

    def close(self) -> None:
        self._connection.close()

    @_loses
    def call(self, sql: str, *params: str | None) -> bytes | None:
        """Runs one statement in its own transaction; the first column of the first row."""
        (result,) = self._round([[(sql.encode(), [None if p is None else p.encode() for p in params])]])[0]
        return result.get_value(0, 0) if result.ntuples else None

    @_loses
    def calls(self, statements: list[tuple[str, tuple[str, ...]]]) -> list[bytes | None]:
        """The same for several, each in its own transaction, in one round trip."""
        sent: list[list[Statement]] = [
            [(sql.encode(), [param.encode() for param in params])] for sql, params in statements
        ]
        return [result.get_value(0, 0) for (result,) in self._round(sent)] if sent else []

    @_loses
    def column(self, sql: str) -> list[str]:
        (result,) = self._round([[(sql.encode(), ())]])[0]
        return [(result.get_value(row, 0) or b"").decode() for row in range(result.ntuples)]

    @_loses
    def listen(self, channels: Iterable[str]) -> None:
        self._round([[_channel_statement("LISTEN", name) for name in channels]])

    @_loses
    def prepare_exchange(self) -> None:
        self._pgconn.send_prepare(_EXCHANGE, _EXCHANGE_SQL)
        self._pgconn.pipeline_sync()
        self._results(1)

    @_loses
    def notify(self, channels: Iterable[str]) -> None:
        self._send_notify(channels)
        self._results(1, forgiven=1)

    @_loses
    def exchange(self, params: list[bytes | None], channels: Iterable[str]) -> bytes:
        """One round trip; the NOTIFYs go first, in a transaction of their own."""
        syncs = 1
        if channels:
            self._send_notify(channels)
            syncs = 2
        self._pgconn.send_query_prepared(_EXCHANGE, params)
        self._pgconn.pipeline_sync()
        (result,) = self._results(syncs, forgiven=syncs - 1)[-1]
        return result.get_value(0, 0) or b"null"

    @_loses
    def sleep(self, timeout: float) -> bool:
        """Until a notification, a byte on the wake descriptor, or the timeout (s); True for the byte."""
        ready = [fd for fd, _ in self._asleep.poll(max(timeout, 0) * 1000)]
        if self._fd in ready:
            self._consume()
        return any(fd != self._fd for fd in ready)

    def _send_notify(self, channels: Iterable[str]) -> None:
        for name in channels:
            self._pgconn.send_query_params(*_channel_statement("NOTIFY", name))
        self._pgconn.pipeline_sync()

    def _round(self, batches: list[list[Statement]]) -> list[list[pq.abc.PGresult]]:
        for batch in batches:
            for sql, params in batch:
                self._pgconn.send_query_params(sql, params)
            self._pgconn.pipeline_sync()
        return self._results(len(batches))

    def _results(self, syncs: int, forgiven: int = 0) -> list[list[pq.abc.PGresult]]:
        """Reads until `syncs` transactions have answered; the first `forgiven` may have failed."""
        batches = self._read(syncs)
        for number, batch in enumerate(batches):
            for result in batch:
                if result.status == pq.ExecStatus.FATAL_ERROR:
                    _refuse(result, forgiven=number < forgiven)
        return batches

    def _read(self, syncs: int) -> list[list[pq.abc.PGresult]]:
        pgconn, deadline = self._pgconn, time.monotonic() + self._patience
        batches: list[list[pq.abc.PGresult]] = [[]]
        while True:
            while pgconn.is_busy():
                self._await_answer(deadline)
            result = pgconn.get_result()
            if result is None:
                if pgconn.status == pq.ConnStatus.BAD:
                    raise Lost("the server closed the connection")
            elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                if len(batches) == syncs:
                    self._drain_notifications()
                    return batches
                batches.append([])
            else:
                batches[-1].append(result)

    def _await_answer(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Lost(f"no answer from the server within {self._patience:.0f} s")
        unsent = self._pgconn.flush()
        events = select.POLLIN | select.POLLOUT if unsent else select.POLLIN
        self._poll.modify(self._fd, events)
        self._poll.poll(left * 1000)
        self._poll.modify(self._fd, select.POLLIN)
        self._pgconn.consume_input()

    def _consume(self) -> None:
        self._pgconn.consume_input()
        self._pgconn.is_busy()
        self._drain_notifications()
        if self._pgconn.status == pq.ConnStatus.BAD:
            raise Lost("the server closed the connection")

    def _drain_notifications(self) -> None:
        while (notification := self._pgconn.notifies()) is not None:
            self.woken = True
            if notification.relname.startswith(b"ow_w_"):
                self.summoned = True


def _channel_statement(verb: str, channel: str) -> tuple[bytes, Sequence[bytes | None]]:
    if not _CHANNEL.fullmatch(channel):
        raise ServerError("OWC01", f"not a channel name: {channel!r}")
    return f'{verb} "{channel}"'.encode(), ()


def _refuse(result: pq.abc.PGresult, *, forgiven: bool) -> None:
    state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    message = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode(errors="replace")
    if forgiven:
        # A lost NOTIFY costs at most one heartbeat.
        logger.debug("NOTIFY was refused: %s %s", state, message)
    elif not state or state.startswith(("08", "57P")):
        raise Lost(message or "the server closed the connection")
    else:
        raise ServerError(state, message)
