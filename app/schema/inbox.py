"""`onewriter domain prepare`: the inbox in the domain's own database, and the handlers' login there.

A handler's transaction there records the event it has handled. Whatever happens before the queue's own
acknowledgement, the event is found in the inbox and its handlers don't run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg import Connection, sql

from app.errors import Invalid
from app.schema import outgoing
from app.schema.logins import let_connect, scram
from app.schema.roles import ensure_bundle, repeat_on_race, role_exists, role_name

SCHEMA = outgoing.SCHEMA
TABLE = f"{SCHEMA}.event"
# Inserted once; deleted when the queue has the acknowledgement. Nobody changes a row.
RIGHTS = ("select", "insert", "delete")
COLUMNS = ("environment", "event_id", "follow", "applied_at")

_MAKE = f"""
create schema if not exists {SCHEMA};
create table if not exists {TABLE} (
    environment text not null,
    event_id bigint not null,
    follow jsonb not null default '[]',
    applied_at timestamptz not null default now(),
    primary key (environment, event_id));
comment on schema {SCHEMA} is 'onewriter: which events were handled in this database';
comment on table {TABLE} is 'One row per event, written in the transaction of its handlers.';
comment on column {TABLE}.environment is 'The installation that the event is of: each counts its own.';
comment on column {TABLE}.follow is 'The jobs that follow: the queue is told with the acknowledgement.'"""


def prepare(
    conn: Connection[Any], login: str, password: str = "", *, role_prefix: str = "onewriter"
) -> list[str]:
    """Makes what the handlers need in the database of `conn`, and says what it made; nothing twice.

    `conn` is in autocommit, of an admin who may create schemas and, where they are missing, roles. On
    another server than the queue's the roles are made there. Raises Invalid.
    """
    return [
        *_bundles(conn, role_prefix),
        *_login(conn, login, password, role_prefix),
        *_table(conn),
        *_rights(conn, role_prefix),
        *outgoing.prepare(conn, role_prefix),
    ]


def _bundles(conn: Connection[Any], prefix: str) -> Iterator[str]:
    for bundle in ("handler", "worker"):
        if ensure_bundle(conn, bundle, prefix):
            yield f"the role {role_name(bundle, prefix)}"


def _login(conn: Connection[Any], login: str, password: str, prefix: str) -> Iterator[str]:
    handler = role_name("handler", prefix)
    if not role_exists(conn, login):
        if not password:
            raise Invalid(
                f"{login} doesn't exist on this server, and the DSN has no password to make it with"
            )
        create = sql.SQL("create role {} login password {}").format(
            sql.Identifier(login), sql.Literal(scram(conn, login, password))
        )
        repeat_on_race(lambda: conn.execute(create))
        yield f"the login {login}"
    _refuse_unfit(conn, login, prefix)
    if not _is(conn, login, handler):
        grant = sql.SQL("grant {} to {}").format(sql.Identifier(handler), sql.Identifier(login))
        repeat_on_race(lambda: conn.execute(grant))
        yield f"{login} a member of {handler}"


def _refuse_unfit(conn: Connection[Any], login: str, prefix: str) -> None:
    unfit = conn.execute("select rolsuper from pg_roles where rolname = %s", [login]).fetchone()
    if unfit == (True,):
        raise Invalid(f"{login} is a superuser: give the handlers a login of their own")
    if _is(conn, login, role_name("worker", prefix)):
        raise Invalid(f"{login} is a worker's login, which must not write the domain: give the handlers one")


def _is(conn: Connection[Any], login: str, bundle: str) -> bool:
    found = conn.execute("select pg_has_role(%s::name, %s::name, 'usage')", [login, bundle]).fetchone()
    return found == (True,)


def _table(conn: Connection[Any]) -> Iterator[str]:
    if outgoing.made(conn, TABLE, _MAKE):
        yield f"the table {TABLE}"


def _rights(conn: Connection[Any], prefix: str) -> Iterator[str]:
    handler = role_name("handler", prefix)
    name = sql.Identifier(handler)
    let_connect(conn, handler)
    lacks = conn.execute(
        """select not has_schema_privilege(%s, %s, 'usage')
               or exists (select from unnest(%s::text[]) p where not has_table_privilege(%s, %s, p))""",
        [handler, SCHEMA, list(RIGHTS), handler, TABLE],
    ).fetchone()
    if lacks == (True,):
        for right in (f"usage on schema {SCHEMA}", f"{', '.join(RIGHTS)} on {TABLE}"):
            grant = sql.SQL("grant {} to {}").format(sql.SQL(right), name)
            repeat_on_race(lambda grant=grant: conn.execute(grant))  # type: ignore[misc]
        yield f"{handler} may {', '.join(RIGHTS)} there"
