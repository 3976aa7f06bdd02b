"""Attacks made from the catalogue: every table with every verb, every function that isn't granted. On 15 and 18."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.schema.roles import SCHEMAS
from tests.security.attack import Attack
from tests.security.battlefield import Battlefield
from tests.security.test_statements import wrongs

pytestmark = pytest.mark.pg15(soak=True)
OTHERS = ["producer", "dba", "janitor", "server", "handler"]
OBJECTS = (
    "create table {schema}.x (a integer)",
    "create view {schema}.x as select 1",
    "create materialized view {schema}.x as select 1",
    "create sequence {schema}.x",
    "create type {schema}.x as (a integer)",
    "create domain {schema}.x as text",
    "create function {schema}.x() returns integer language sql as 'select 1'",
    "create operator {schema}.= (leftarg = text, rightarg = text, function = texteq)",
    "create aggregate {schema}.x(integer) (sfunc = int4pl, stype = integer)",
    'create collation {schema}.x from "C"',
    "alter schema {schema} owner to current_user",
    "drop schema {schema} cascade",
    "comment on schema {schema} is 'x'",
)
VERBS = (
    "insert into {table} default values",
    "insert into {table} ({column}) values (null) on conflict do nothing",
    "update {table} set {column} = {column}",
    "delete from {table}",
    "truncate {table}",
    "copy {table} from stdin",
    "select * from {table} for update",
    "begin; lock table {table} in share row exclusive mode",
    "alter table {table} owner to current_user",
    "grant all on {table} to current_user",
    "drop table {table} cascade",
)


@pytest.mark.parametrize("login", ["worker", *OTHERS])
def test_every_table_with_every_verb(field: Battlefield, login: str) -> None:
    attacks = list(_on_tables(field))
    assert len(attacks) >= 150
    assert wrongs(field, login, *attacks) == []


@pytest.mark.parametrize("login", ["worker", *OTHERS])
def test_everything_in_every_schema(field: Battlefield, login: str) -> None:
    schemas = [*SCHEMAS, "public", "pg_catalog", "information_schema"]
    attacks = [Attack(s, s.format(schema=name)) for name in schemas for s in OBJECTS]
    assert wrongs(field, login, *attacks) == []


@pytest.mark.parametrize("login", ["worker", *OTHERS])
def test_every_function_that_is_not_granted(field: Battlefield, login: str) -> None:
    attacks = list(_on_functions(field, login))
    assert len(attacks) >= 40
    assert wrongs(field, login, *attacks) == []


@pytest.mark.parametrize("login", ["worker", *OTHERS])
def test_every_relation_that_may_not_be_read(field: Battlefield, login: str) -> None:
    rows = field.admin.execute(
        """select format('select * from %%I.%%I', relnamespace::regnamespace, relname) from pg_class
           where relkind in ('r', 'v', 'S') and relnamespace = any(%s::text[]::regnamespace[])
             and not has_table_privilege('onewriter_' || %s, oid, 'select')""",
        [list(SCHEMAS), login],
    ).fetchall()
    assert len(rows) >= 18
    assert wrongs(field, login, *[Attack(sql, sql) for (sql,) in rows]) == []


def _on_tables(field: Battlefield) -> Iterator[Attack]:
    rows = field.admin.execute(
        """select format('%%I.%%I', relnamespace::regnamespace, relname), quote_ident(attname)
           from pg_class c join pg_attribute on attrelid = c.oid and attnum = 1
           where relkind = 'r' and relnamespace = any(%s::text[]::regnamespace[])""",
        [list(SCHEMAS)],
    )
    for table, column in rows.fetchall():
        for verb in VERBS:
            sql = verb.format(table=table, column=column)
            yield Attack(sql, sql)


def _on_functions(field: Battlefield, login: str) -> Iterator[Attack]:
    """With nulls of the right types: whether a call is allowed is asked before its arguments are."""
    rows = field.admin.execute(
        """select format('select %%I.%%I(%%s)', pronamespace::regnamespace, proname, (
                      select string_agg('null::' || format_type(t, null), ', ' order by n)
                      from unnest(proargtypes::oid[]) with ordinality as a(t, n)))
           from pg_proc where pronamespace = any(%s::text[]::regnamespace[]) and prorettype <> 'trigger'::regtype
             and not has_function_privilege('onewriter_' || %s, oid, 'execute')""",
        [list(SCHEMAS), login],
    )
    for (sql,) in rows.fetchall():
        yield Attack(sql, sql)
