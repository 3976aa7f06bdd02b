"""A database's schema as text, by our own catalogue queries: the same on every server version and machine.

`python -m tests.sql.schema_text DSN > tests/sql/schema.txt` renews the committed one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import Connection

from app.schema.roles import SCHEMAS

_TABLES = """
    select c.oid, n.nspname || '.' || c.relname,
           case c.relkind when 'r' then 'table' when 'v' then 'view' else 'sequence' end,
           coalesce(array_to_string(c.reloptions, ', '), '')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any(%s) and c.relkind in ('r', 'v', 'S') order by 3, 2"""
_COLUMNS = """
    select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity <> '',
           pg_get_expr(d.adbin, d.adrelid)
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = %s and a.attnum > 0 and not a.attisdropped order by a.attname"""
_CONSTRAINTS = """
    select conname, pg_get_constraintdef(oid) from pg_constraint
    where conrelid = %s and contype <> 'n' order by 1"""
_INDEXES = "select pg_get_indexdef(indexrelid) from pg_index where indrelid = %s order by 1"
_TRIGGERS = "select pg_get_triggerdef(oid) from pg_trigger where tgrelid = %s and not tgisinternal order by 1"
_TYPES = """
    select n.nspname || '.' || t.typname, string_agg(e.enumlabel, ', ' order by e.enumsortorder)
    from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_enum e on e.enumtypid = t.oid
    where n.nspname = any(%s) group by 1 order by 1"""
_FUNCTIONS = """
    select n.nspname || '.' || p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
           p.prosecdef,
           l.lanname, coalesce(array_to_string(p.proconfig, '; '), '')
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
    where n.nspname = any(%s) order by 1, 2"""


def schema_text(conn: Connection[Any]) -> str:
    """Tables, views, sequences, types and functions of our schemas, whatever their history."""
    conn.execute("set search_path = pg_catalog, pg_temp")
    return "\n".join([*_types(conn), *_tables(conn), *_functions(conn)]) + "\n"


def _types(conn: Connection[Any]) -> Iterator[str]:
    for name, labels in conn.execute(_TYPES, [list(SCHEMAS)]).fetchall():
        yield f"enum {name} ({labels})"


def _tables(conn: Connection[Any]) -> Iterator[str]:
    for oid, name, kind, options in conn.execute(_TABLES, [list(SCHEMAS)]).fetchall():
        yield f"\n{kind} {name}" + (f" with ({options})" if options else "")
        if kind == "sequence":
            continue
        for column, form, required, identity, default in conn.execute(_COLUMNS, [oid]).fetchall():
            extras = [" not null" if required else "", " identity" if identity else ""]
            yield f"    {column} {form}{''.join(extras)}" + (f" default {default}" if default else "")
        for constraint, definition in conn.execute(_CONSTRAINTS, [oid]).fetchall():
            yield f"    constraint {constraint} {definition}"
        for query in (_INDEXES, _TRIGGERS):
            yield from (f"    {definition}" for (definition,) in conn.execute(query, [oid]).fetchall())


def _functions(conn: Connection[Any]) -> Iterator[str]:
    yield ""
    for name, arguments, result, definer, language, settings in conn.execute(
        _FUNCTIONS, [list(SCHEMAS)]
    ).fetchall():
        rights = " definer" if definer else ""
        yield f"function {name}({arguments}) returns {result} {language}{rights} {settings}"


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1]) as connection:
        sys.stdout.write(schema_text(connection))
