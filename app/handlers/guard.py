"""A handler's transaction ends with its acknowledgement and not before, whatever the handler tries.

The connections refuse commit, rollback and close while they are lent; what goes past them as SQL fails in
the database: a cursor WITH HOLD is computed at the commit, and computing this one raises. It is closed right
before the commit that counts, and a transaction that was rolled back has it no more.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.pq import TransactionStatus

SENTENCE = "a result handler must not end its transaction: it is committed with the acknowledgement"
# concat is not computed before it runs: constants would raise at once.
RAISE_AT_COMMIT = f"declare onewriter_guard cursor with hold for select concat('{SENTENCE}')::integer"
COMMIT = "close onewriter_guard; commit"


class LeftTransaction(Exception):
    """A handler committed, rolled back or closed its connection: what it did is undone."""

    def __init__(self) -> None:
        super().__init__(SENTENCE)


class Spoiled(Exception):
    """A statement failed and the handler went on; only a savepoint (`conn.transaction()`) allows that."""


class LentAsync(AsyncConnection[Any]):
    """`lent` while a handler has it."""

    lent = False

    async def commit(self) -> None:
        _refuse(self.lent)
        await super().commit()

    async def rollback(self) -> None:
        _refuse(self.lent)
        await super().rollback()

    async def close(self) -> None:
        _refuse(self.lent)
        await super().close()


class LentSync(Connection[Any]):
    """The same for handlers that are no coroutines."""

    lent = False

    def commit(self) -> None:
        _refuse(self.lent)
        super().commit()

    def rollback(self) -> None:
        _refuse(self.lent)
        super().rollback()

    def close(self) -> None:
        _refuse(self.lent)
        super().close()


def check_returned(conn: LentAsync | LentSync) -> None:
    """After a handler: its transaction is open and well. Raises LeftTransaction, Spoiled."""
    status = conn.info.transaction_status
    if conn.closed or status == TransactionStatus.IDLE:
        raise LeftTransaction
    if status != TransactionStatus.INTRANS:
        raise Spoiled("a statement of the handler failed, and it went on without a savepoint")


def left(exc: psycopg.Error) -> bool:
    """Whether COMMIT failed since the guard is gone: somebody ended its transaction."""
    return exc.sqlstate == "34000"


def _refuse(lent: bool) -> None:
    if lent:
        raise LeftTransaction
