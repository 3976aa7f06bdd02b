"""One writer per column and transition: headers, bodies, `onewriter ownership`, inspect.writers agree."""

from __future__ import annotations

from typing import Any

import pytest

from app.schema.ownership import ROWS_DELETED, Column, columns_written, moves, ownership, transitions
from app.schema.roles import SCHEMAS
from app.schema.sqlfiles import SqlFile, read_contract
from tests.sql.parsed_functions import JOBS, Names, Parsed, parse_function
from tests.support.cluster import Database

FUNCTIONS = [file for file in read_contract() if not file.is_view]
TABLES = [*SCHEMAS]
# Tables that no function writes, and why.
NOT_OURS = {
    "jobs.alembic_version": "alembic's own, written by migrations",
    "jobs.login_setting": "filled by migrate, from where logins are made",
}
# The planner is told both; no function sets it (the ownership of status below says so).
UNUSED_STATUS = "aborting"


@pytest.fixture
def names(same_db: Database) -> Names:
    with same_db.connect("admin") as conn:
        relations = conn.execute(
            """select relnamespace::regnamespace || '.' || relname from pg_class
               where relkind in ('r', 'v') and relnamespace = any(%s::text[]::regnamespace[])""",
            [TABLES],
        ).fetchall()
    return Names(frozenset(n for (n,) in relations), frozenset(file.qualified for file in FUNCTIONS))


@pytest.fixture
def parsed(names: Names) -> dict[str, Parsed]:
    return {file.qualified: parse_function(file, names) for file in FUNCTIONS}


def test_headers_name_exactly_the_columns_that_bodies_write(parsed: dict[str, Parsed]) -> None:
    wrong = {
        file.qualified: (sorted(columns_written(file) - writes), sorted(writes - columns_written(file)))
        for file in FUNCTIONS
        if (writes := parsed[file.qualified].writes) != columns_written(file)
    }
    assert not wrong, f"(only in the header, only in the body): {wrong}"


def test_headers_name_exactly_the_functions_that_bodies_call(parsed: dict[str, Parsed]) -> None:
    wrong = {
        file.qualified: (sorted(set(file.listed("Calls")) - calls), sorted(calls - set(file.listed("Calls"))))
        for file in FUNCTIONS
        if (calls := parsed[file.qualified].calls) != set(file.listed("Calls"))
    }
    assert not wrong, f"(only in the header, only in the body): {wrong}"


def test_nothing_hides_from_the_parser(parsed: dict[str, Parsed]) -> None:
    banned = {name: result.banned for name, result in parsed.items() if result.banned}
    assert not banned


def test_every_function_says_who_calls_it_and_what_it_writes_and_raises() -> None:
    incomplete = [f.qualified for f in FUNCTIONS if not {"Caller", "Writes", "Raises"} <= f.fields.keys()]
    assert not incomplete


def test_each_transition_is_made_by_one_function() -> None:
    shared = [change for change in transitions(FUNCTIONS) if len(change.made_by) != 1]
    assert not shared


@pytest.mark.parametrize("file", FUNCTIONS, ids=lambda file: file.qualified)
def test_moves_are_what_the_body_does_to_status(file: SqlFile, names: Names) -> None:
    body = parse_function(file, names)
    changes_status = bool(body.writes & {Column(JOBS, "status"), Column(JOBS, ROWS_DELETED)})
    assert bool(moves(file)) == changes_status
    before, after = {b for b, _ in moves(file)}, {a for _, a in moves(file)}
    assert body.status_before - {UNUSED_STATUS} == before
    assert body.status_after == after


def test_every_column_has_a_writer_or_a_default(same_db: Database) -> None:
    owned = {(row.table, row.column) for row in ownership(FUNCTIONS)}
    with same_db.connect("admin") as conn:
        orphans = [
            f"{table}.{column}"
            for table, column, has_default in _columns(conn)
            if (table, column) not in owned and not has_default and table not in NOT_OURS
        ]
    assert not orphans


def test_every_owned_column_exists(same_db: Database) -> None:
    with same_db.connect("admin") as conn:
        columns = {(table, column) for table, column, _ in _columns(conn)}
    unknown = [
        row
        for row in ownership(FUNCTIONS)
        if row.column != ROWS_DELETED and (row.table, row.column) not in columns
    ]
    assert not unknown


@pytest.mark.pg15(soak=True)
def test_inspect_writers_says_what_the_headers_say(same_db: Database) -> None:
    with same_db.connect("dba") as conn:
        live = {
            (table, column): (tuple(writers), set(roles))
            for table, column, writers, roles in conn.execute(
                "select table_name, column_name, written_by, callable_by from inspect.writers"
            )
        }
    said = {
        (row.table.split(".")[1], row.column): (row.written_by, set(row.callers))
        for row in ownership(FUNCTIONS)
    }
    assert live == said


def _columns(conn: Any) -> list[tuple[str, str, bool]]:
    rows = conn.execute(
        """select c.relnamespace::regnamespace || '.' || c.relname, a.attname,
                  a.atthasdef or a.attidentity <> '' or a.attgenerated <> ''
           from pg_class c join pg_attribute a on a.attrelid = c.oid
           where c.relkind = 'r' and c.relnamespace = any(%s::text[]::regnamespace[])
             and a.attnum > 0 and not a.attisdropped""",
        [TABLES],
    )
    return list(rows.fetchall())
