"""What a domain in its own database asks of the queue: rows that stay until they are relayed.

Each is of the transaction that asks. Whoever writes the domain inserts; the handlers' login relays: it reads,
notes what went wrong, and deletes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg import Connection, sql

from app.schema.roles import repeat_on_race, role_name

SCHEMA = "onewriter_inbox"
TABLE = f"{SCHEMA}.outgoing"
RIGHTS = ("select", "insert", "delete")
# Of each try that failed.
NOTED = ("attempts", "next_at", "error")

_MAKE = f"""
create table if not exists {TABLE} (
    id uuid primary key default gen_random_uuid(),
    wish jsonb not null,
    at timestamptz not null default clock_timestamp(),
    attempts integer not null default 0,
    next_at timestamptz,
    error text);
comment on table {TABLE} is 'Jobs, flows and domain events asked for here, deleted once the queue has them.';
comment on column {TABLE}.id is 'What the queue remembers it by, so that it is started once.';
comment on column {TABLE}.error is 'Why the queue did not take it: it is tried again at next_at.'"""


def prepare(conn: Connection[Any], prefix: str) -> Iterator[str]:
    """Makes the table and grants it to the handlers; says what it made. `conn` as for the inbox."""
    if made(conn, TABLE, _MAKE):
        yield f"the table {TABLE}"
    handler = role_name("handler", prefix)
    lacks = conn.execute(
        """select exists (select from unnest(%(rights)s::text[]) p
                           where not has_table_privilege(%(role)s, %(table)s, p))
               or exists (select from unnest(%(noted)s::text[]) c
                           where not has_column_privilege(%(role)s, %(table)s, c, 'update'))""",
        {"rights": list(RIGHTS), "noted": list(NOTED), "role": handler, "table": TABLE},
    ).fetchone()
    if lacks == (True,):
        _grant(conn, f"{', '.join(RIGHTS)}, update ({', '.join(NOTED)}) on {TABLE}", handler)
        yield f"{handler} may {', '.join(RIGHTS)} in {TABLE}"


def made(conn: Connection[Any], table: str, statements: str) -> bool:
    """Whether the table was missing, and has been made by these statements."""
    if _is_there(conn, table):
        return False
    for statement in statements.split(";"):
        repeat_on_race(lambda statement=statement: conn.execute(statement.encode()))  # type: ignore[misc]
    return True


def let_ask(conn: Connection[Any], role: str) -> None:
    """A login that writes the domain may ask the queue for what follows, where the domain is apart."""
    if _is_there(conn, TABLE):
        _grant(conn, f"usage on schema {SCHEMA}", role)
        _grant(conn, f"insert on {TABLE}", role)


def take_back(conn: Connection[Any], role: str) -> None:
    if _is_there(conn, TABLE):
        name = sql.Identifier(role)
        for text in (f"revoke insert on {TABLE} from {{}}", f"revoke usage on schema {SCHEMA} from {{}}"):
            repeat_on_race(lambda text=text: conn.execute(sql.SQL(text).format(name)))  # type: ignore[misc]


def _is_there(conn: Connection[Any], table: str) -> bool:
    return conn.execute("select to_regclass(%s) is not null", [table]).fetchone() == (True,)


def _grant(conn: Connection[Any], right: str, role: str) -> None:
    statement = sql.SQL("grant {} to {}").format(sql.SQL(right), sql.Identifier(role))
    repeat_on_race(lambda: conn.execute(statement))
