"""Every write that somebody must not do, tried over that login's own connection."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from examples.kanban.system import Kanban
from examples.support.story import check, say, table

VERBS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
BOARD, INBOX = ("kanban",), ("onewriter_inbox",)
QUEUE = ("jobs", "procrastinate")
TABLES = """
    select n.nspname, c.relname, array_agg(a.attname::text) from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind in ('r', 'p') and n.nspname = any(%s) group by n.nspname, c.relname order by 1, 2"""
# None of them reads: who may write and not read writes all the same.
STATEMENTS = {
    "INSERT": "insert into {table} default values",
    "UPDATE": "update {table} set {column} = default",
    "DELETE": "delete from {table}",
    "TRUNCATE": "truncate {table}",
}


class Table(NamedTuple):
    schema: str
    name: str
    columns: list[str]


class Row(NamedTuple):
    """Who tries all verbs on all tables of some schemas, there, and which verbs are his."""

    login: str
    place: str
    schemas: Sequence[str]
    may: Sequence[str] = ()


OUTSIDERS = ("worker", "dba", "server", "producer")
WRITERS = ("handler", "kanban")
ROWS = (
    *(Row(login, "board", (*BOARD, *INBOX)) for login in OUTSIDERS),
    # That these may write shows that it is the right that the others lack, and no mistake in the statement.
    *(Row(login, "board", BOARD, VERBS[:3]) for login in WRITERS),
    *(Row(login, "queue", QUEUE) for login in (*OUTSIDERS, *WRITERS)),
)


def try_all(kanban: Kanban) -> None:
    """Raises Stop where somebody gets further, or less far, than he should."""
    refused, lines = 0, []
    for row in ROWS:
        dsns = kanban.board if row.place == "board" else kanban.queue
        tables = tables_of(dsns["admin"], row.schemas)
        written = attempt(dsns[row.login], tables)
        lines.append(
            (row.login, len(tables), row.place, *(word(written[verb], len(tables)) for verb in VERBS))
        )
        for verb in VERBS:
            expected = len(tables) if verb in row.may else 0
            promise = f"{row.login} can {verb} in {expected} tables of the {row.place}"
            check(written[verb] == expected, f"{promise}, not in {written[verb]}")
            refused += len(tables) - expected
    table(("login", "tables", "of the", *VERBS), lines)
    say(f"{refused} forbidden writes, all refused")


def tables_of(admin: str, schemas: Sequence[str]) -> list[Table]:
    with psycopg.connect(admin) as conn:
        return [Table(*found) for found in conn.execute(TABLES, [list(schemas)]).fetchall()]


def attempt(dsn: str, tables: Sequence[Table]) -> dict[str, int]:
    """How many tables let each verb in; nothing stays of it."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        return {verb: sum(is_let_in(conn, verb, one) for one in tables) for verb in VERBS}


def is_let_in(conn: psycopg.Connection[Any], verb: str, one: Table) -> bool:
    """An UPDATE by any column."""
    statement, table = sql.SQL(STATEMENTS[verb]), sql.Identifier(one.schema, one.name)
    columns = one.columns if verb == "UPDATE" else one.columns[:1]
    return any(
        is_allowed(conn, statement.format(table=table, column=sql.Identifier(column))) for column in columns
    )


def is_allowed(conn: psycopg.Connection[Any], statement: sql.Composed) -> bool:
    """What a constraint refuses had the right."""
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    except psycopg.IntegrityError:
        pass
    return True


def word(written: int, tables: int) -> str:
    return {0: "no", tables: "yes"}.get(written, f"{written} of {tables}")
