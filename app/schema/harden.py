"""Takes from PUBLIC what a login without any table right could still do harm with; reversible.

The plan is data: each step carries its statements, the way back, and the logins it touches. Functions are
found by name in pg_proc, so that every overload of every version is met. What is taken goes back to the
owner role, whose functions need it, and to pg_monitor. Run `undo` before pg_upgrade.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection

from app.schema.roles import BUNDLES, OWNER, role_name

# What for -> a pattern of whole names in pg_catalog.
FAMILIES = {
    "advisory locks: one login could fill the cluster's lock table": r"pg_(try_)?advisory_\w+",
    "large objects: a table that everybody may write": r"lo_\w+|loread|lowrite",
    "messages into the WAL": r"pg_logical_emit_message",
    "NOTIFY from inside a query": r"pg_notify",
    "sleeping in a transaction": r"pg_sleep\w*",
    "ending other sessions": r"pg_(terminate|cancel)_backend",
    "drawing transaction ids": r"txid_current|pg_current_xact_id",
    "exporting snapshots": r"pg_export_snapshot",
    "running a query given as text": r"(query|cursor|table|schema|database)_to_xml\w*",
    "seeing what others run and lock": r"pg_stat_get_activity|pg_lock_status",
}
RELATIONS = ("pg_stat_activity", "pg_locks", "pg_db_role_setting")
LANGUAGES = ("sql", "plpgsql")


class NotHardened(RuntimeError):
    """Statements ran and changed nothing: the login isn't allowed to revoke (REVOKE only warns)."""


@dataclass(frozen=True)
class Step:
    """`affects`: logins that lose (or, undone, regain) the right, superusers aside."""

    reason: str
    statements: tuple[str, ...]
    affects: tuple[str, ...]


def harden(admin_dsn: str, *, cluster: bool = False, role_prefix: str = "onewriter") -> list[Step]:
    """Runs what is left of the plan in one transaction and verifies it. Raises NotHardened."""
    return _run(admin_dsn, cluster=cluster, role_prefix=role_prefix, undo=False)


def unharden(admin_dsn: str, *, cluster: bool = False, role_prefix: str = "onewriter") -> list[Step]:
    """Back to PostgreSQL's own defaults for everything that `harden` touches. Raises NotHardened."""
    return _run(admin_dsn, cluster=cluster, role_prefix=role_prefix, undo=True)


def plan(
    conn: Connection[Any], *, cluster: bool = False, role_prefix: str = "onewriter", undo: bool = False
) -> list[Step]:
    """The steps that are not done yet (or, with `undo`, not undone)."""
    keepers = (role_name(OWNER, role_prefix), "pg_monitor")
    others, everyone = _affected(conn, role_prefix)
    return [
        *_database_steps(conn, role_prefix, cluster=cluster, undo=undo, affects=others),
        *_schema_steps(conn, undo=undo, affects=everyone),
        *_language_steps(conn, keepers[0], undo=undo, affects=everyone),
        *_function_steps(conn, keepers, undo=undo, affects=everyone),
        *_relation_steps(conn, keepers, undo=undo, affects=everyone),
    ]


def _run(admin_dsn: str, *, cluster: bool, role_prefix: str, undo: bool) -> list[Step]:
    with psycopg.connect(admin_dsn) as conn:
        steps = plan(conn, cluster=cluster, role_prefix=role_prefix, undo=undo)
        for step in steps:
            for statement in step.statements:
                conn.execute(statement.encode())
        left = plan(conn, cluster=cluster, role_prefix=role_prefix, undo=undo)
        if left:
            conn.rollback()
            raise NotHardened(f"no effect, is this login a superuser? {left[0].statements[0]}")
    return steps


def _database_steps(
    conn: Connection[Any], prefix: str, *, cluster: bool, undo: bool, affects: tuple[str, ...]
) -> Iterator[Step]:
    own = conn.info.dbname
    ours = ", ".join(
        [role_name(b, prefix) for b in BUNDLES if b != OWNER] + _quoted(_migrators(conn, prefix))
    )
    for name, quoted in open_databases(conn, opened=not undo):
        if name != own and not cluster:
            continue
        if undo:
            # initdb itself takes TEMPORARY on template1.
            right = "connect" if name == "template1" else "connect, temporary"
            statements = [f"grant {right} on database {quoted} to public"]
            statements += [f"revoke connect on database {quoted} from {ours}"] if name == own else []
        else:
            statements = [f"revoke all on database {quoted} from public"]
            # Our logins connect by their bundle; a migrator inherits nothing, so by name.
            statements += [f"grant connect on database {quoted} to {ours}"] if name == own else []
        reason = "connecting and temporary tables" if name == own else "another database is no way in either"
        yield Step(f"{reason}: {name}", tuple(statements), affects)


def open_databases(conn: Connection[Any], *, opened: bool = True) -> list[tuple[str, str]]:
    """(name, quoted name) of the databases that PUBLIC may connect to (or may not)."""
    return conn.execute(
        """select datname, quote_ident(datname) from pg_database
           where datallowconn and has_database_privilege('public', oid, 'connect, temporary') = %s
           order by datname <> current_database(), datname""",
        [opened],
    ).fetchall()


def _schema_steps(conn: Connection[Any], *, undo: bool, affects: tuple[str, ...]) -> Iterator[Step]:
    if _any(conn, "select has_schema_privilege('public', 'public', 'usage, create')") == undo:
        return
    statement = (
        "grant usage on schema public to public" if undo else "revoke all on schema public from public"
    )
    yield Step("the schema public", (statement,), affects)


def _language_steps(
    conn: Connection[Any], owner: str, *, undo: bool, affects: tuple[str, ...]
) -> Iterator[Step]:
    for language in LANGUAGES:
        if _any(conn, "select has_language_privilege('public', %s, 'usage')", language) != undo:
            statements = _moved(f"usage on language {language}", (owner,), undo=undo)
            yield Step(f"making functions, DO: language {language}", statements, affects)


def _function_steps(
    conn: Connection[Any], keepers: tuple[str, ...], *, undo: bool, affects: tuple[str, ...]
) -> Iterator[Step]:
    for reason, pattern in FAMILIES.items():
        rows = conn.execute(
            """select format('pg_catalog.%%I(%%s)', proname, pg_get_function_identity_arguments(oid))
               from pg_proc p where pronamespace = 'pg_catalog'::regnamespace and proname ~ %s
               and has_function_privilege('public', oid, 'execute') <> %s
               -- what initdb itself closed (lo_import, lo_export) stays closed
               and not exists (select from pg_init_privs i
                               where i.objoid = p.oid and i.classoid = 'pg_proc'::regclass)
               order by 1""",
            [f"^({pattern})$", undo],
        ).fetchall()
        if rows:
            target = f"execute on function {', '.join(name for (name,) in rows)}"
            yield Step(reason, _moved(target, keepers, undo=undo), affects)


def _relation_steps(
    conn: Connection[Any], keepers: tuple[str, ...], *, undo: bool, affects: tuple[str, ...]
) -> Iterator[Step]:
    for relation in RELATIONS:
        name = f"pg_catalog.{relation}"
        if _any(conn, "select has_table_privilege('public', %s, 'select')", name) != undo:
            yield Step(f"reading {relation}", _moved(f"select on {name}", keepers, undo=undo), affects)


def _moved(right: str, keepers: tuple[str, ...], *, undo: bool) -> tuple[str, str]:
    roles = ", ".join(keepers)
    if undo:
        return f"grant {right} to public", f"revoke {right} from {roles}"
    return f"revoke {right} from public", f"grant {right} to {roles}"


def _affected(conn: Connection[Any], prefix: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(logins that are not ours, all logins but the keepers' members); superusers keep everything."""
    rows = conn.execute(
        """select rolname,
                  exists (select from unnest(%s::text[]) b where pg_has_role(r.oid, b, 'member')) as ours,
                  pg_has_role(r.oid, %s, 'usage') or pg_has_role(r.oid, 'pg_monitor', 'usage') as keeper
           from pg_roles r where rolcanlogin and not rolsuper order by 1""",
        [_existing(conn, [role_name(b, prefix) for b in BUNDLES]), role_name(OWNER, prefix)],
    ).fetchall()
    return tuple(n for n, ours, _ in rows if not ours), tuple(n for n, _, keeper in rows if not keeper)


def _migrators(conn: Connection[Any], prefix: str) -> list[str]:
    rows = conn.execute(
        """select rolname from pg_roles where rolcanlogin and not rolsuper and not rolinherit
           and pg_has_role(oid, %s, 'member') order by 1""",
        [role_name(OWNER, prefix)],
    )
    return [name for (name,) in rows]


def _existing(conn: Connection[Any], names: list[str]) -> list[str]:
    return [n for (n,) in conn.execute("select rolname from pg_roles where rolname = any(%s)", [names])]


def _quoted(names: Iterable[str]) -> list[str]:
    return [psycopg.sql.Identifier(name).as_string(None) for name in names]


def _any(conn: Connection[Any], query: str, *values: str) -> bool:
    row = conn.execute(query.encode(), values).fetchone()
    return bool(row and row[0])
