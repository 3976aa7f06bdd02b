"""Applies sql/: views dropped, functions, views, comments, grants, all in one transaction as the owner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg import Connection, errors, sql

from app.schema.paths import SQL
from app.schema.roles import BUNDLES, OWNER, SCHEMAS, role_name, with_prefix
from app.schema.sqlfiles import SqlFile, in_view_order, read_contract, read_grants

_FUNCTIONS = """
    select oid, xmin::text,
           case prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
           oid::regprocedure::text, proname, pronamespace::regnamespace::text
    from pg_proc where pronamespace = any(%s::text[]::regnamespace[])"""
_VIEWS = """
    select oid::regclass::text from pg_class
    where relkind = 'v' and relnamespace = any(%s::text[]::regnamespace[]) order by 1"""


def apply(conn: Connection[Any], *, role_prefix: str = "onewriter", folder: Path = SQL) -> None:
    """Makes functions, views, comments and grants of our schemas exactly what sql/ says.

    `conn` is in autocommit and acts as the owner. Repeatable; on an error nothing has changed.
    """
    files = read_contract(folder)
    with conn.transaction():
        conn.execute("set local search_path = pg_catalog, pg_temp")
        conn.execute("set local check_function_bodies = off")
        _drop_views(conn)
        _replace_functions(conn, files, role_prefix)
        for view in in_view_order(files):
            _execute(conn, view.text, role_prefix)
        for file in files:
            _comment(conn, file)
        _revoke_all(conn, role_prefix)
        _execute(conn, read_grants(folder), role_prefix)


def _drop_views(conn: Connection[Any]) -> None:
    names = [name for (name,) in conn.execute(_VIEWS, [list(SCHEMAS)])]
    if names:  # in one statement, so that views on views don't matter
        _execute(conn, f"drop view {', '.join(names)}")


def _replace_functions(conn: Connection[Any], files: list[SqlFile], role_prefix: str) -> None:
    before = {oid: xmin for oid, xmin, *_ in conn.execute(_FUNCTIONS, [list(SCHEMAS)])}
    for file in files:
        if not file.is_view:
            _replace_function(conn, file, role_prefix)
    # A row of pg_proc that no file touched in this transaction has no file.
    for oid, xmin, kind, signature, *_ in conn.execute(_FUNCTIONS, [list(SCHEMAS)]).fetchall():
        if before.get(oid) == xmin:
            _execute(conn, f"drop {kind} {signature}")


def _replace_function(conn: Connection[Any], file: SqlFile, role_prefix: str) -> None:
    try:
        with conn.transaction():
            _execute(conn, file.text, role_prefix)
    except errors.InvalidFunctionDefinition:  # another return type or parameter name: replace can't do that
        _drop_named(conn, file)
        _execute(conn, file.text, role_prefix)


def _drop_named(conn: Connection[Any], file: SqlFile) -> None:
    for _, _, kind, signature, name, schema in conn.execute(_FUNCTIONS, [[file.schema]]).fetchall():
        if (schema, name) == (file.schema, file.name):
            _execute(conn, f"drop {kind} {signature}")


def _comment(conn: Connection[Any], file: SqlFile) -> None:
    if file.is_view:
        _comment_on(conn, f"view {file.schema}.{file.name}", file.comment)
        return
    for _, _, kind, signature, name, schema in conn.execute(_FUNCTIONS, [[file.schema]]).fetchall():
        if (schema, name) == (file.schema, file.name):
            _comment_on(conn, f"{kind} {signature}", file.comment)


def _comment_on(conn: Connection[Any], target: str, text: str) -> None:
    conn.execute(sql.SQL("comment on {} is {}").format(sql.SQL(target), sql.Literal(text)))


def _revoke_all(conn: Connection[Any], role_prefix: str) -> None:
    """So that a line taken out of grants.sql is a right taken away; the owner keeps its own."""
    schemas = ", ".join(SCHEMAS)
    roles = ", ".join(["public", *(role_name(b, role_prefix) for b in BUNDLES if b != OWNER)])
    _execute(conn, f"revoke all on schema {schemas} from {roles}")
    for kind in ("functions", "procedures", "tables", "sequences"):
        _execute(conn, f"revoke all on all {kind} in schema {schemas} from {roles}")


def _execute(conn: Connection[Any], text: str, role_prefix: str = "onewriter") -> None:
    conn.execute(with_prefix(text, role_prefix).encode())
