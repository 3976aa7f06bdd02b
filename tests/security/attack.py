"""An attack as data: what a stolen login sends, and what has to come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

DENIED = "42501"
# Nothing refuses it. Then the runner proves that nothing came of it: no canary seen, no row changed.
HARMLESS = None


@dataclass(frozen=True)
class Attack:
    """`refused` is the SQLSTATE that has to come back, or HARMLESS; `on15` and `differs` (by login) are exceptions.

    `sql` may be several statements (one implicit transaction) and may name what is on the field, see
    Battlefield.names: {job}, {session}, {pid}, {toast}, {db}, {login}, {bundle}, ….
    """

    name: str
    sql: str
    refused: str | None = DENIED
    differs: Mapping[str, str | None] = field(default_factory=dict)
    on15: Mapping[str, str | None] = field(default_factory=dict)

    def expected(self, login: str, major: int) -> str | None:
        """The SQLSTATE for this login on this server."""
        exceptions = {**self.differs, **(self.on15 if major == 15 else {})}
        return exceptions.get(login, exceptions.get("all", self.refused))


def family(refused: str | None = DENIED, /, **statements: str) -> tuple[Attack, ...]:
    """Attacks with one outcome: name="statement"."""
    return tuple(Attack(name, sql, refused) for name, sql in statements.items())


def attempt(conn: psycopg.Connection[Any], sql: str) -> tuple[str | None, str]:
    """Runs it and cleans up after it: (SQLSTATE or None, every word that came back)."""
    return observed(conn, lambda: _words(conn.execute(sql.encode())))


def observed(conn: psycopg.Connection[Any], act: Callable[[], object]) -> tuple[str | None, str]:
    """The same for an attack that is more than one text."""
    state = None
    try:
        heard = str(act())
    except psycopg.Error as error:
        told = error.diag
        state = error.sqlstate
        heard = "\n".join(str(text) for text in (error, told.message_detail, told.message_hint, told.context))
    if not conn.closed:
        conn.rollback()
        conn.execute("discard all")
    return state, heard


def _words(cursor: psycopg.Cursor[Any]) -> str:
    heard = []
    while True:
        heard += [str(row) for row in cursor.fetchall()] if cursor.description else []
        if not cursor.nextset():
            return "\n".join(heard)
