"""The bundle roles (NOLOGIN, cluster-wide) and the schemas that the API role owns."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import Any

from psycopg import Connection, errors, sql

BUNDLES = {
    "api": "onewriter: owns schemas, tables and functions; nobody logs in as this role",
    "server": "onewriter: API and scheduler; EXECUTE server_api, SELECT on its views",
    "handler": "onewriter: result handlers; as the server, plus what a team grants on its own schemas",
    "worker": "onewriter: one login per worker host; EXECUTE worker_api, no right on any table",
    "producer": "onewriter: plain-SQL enqueue in the caller's own transaction",
    "dba": "onewriter: reads inspect, calls operator_api",
    "janitor": "onewriter: may end the backends of worker logins, nothing else",
}
SCHEMAS = {
    "procrastinate": "Procrastinate's tables, extended by onewriter",
    "jobs": "onewriter's own tables and internal functions; private",
    "worker_api": "what a worker's login may call",
    "server_api": "what the API, the scheduler and producers may call and read",
    "operator_api": "verbs for a person in psql",
    "inspect": "questions for a person in psql, arguments masked",
}
OWNER = "api"
# What the owner is given of PostgreSQL's own roles, and what is missing without it.
PREDEFINED = {
    "pg_signal_backend": "neither rescue nor the janitor can end a worker's backend",
    "pg_read_all_stats": "the janitor and inspect.snapshots can't tell how old transactions are",
}

_ROLE_NAME = re.compile(rf"\bonewriter_({'|'.join(BUNDLES)})\b")
# Roles are shared by the cluster: two databases migrating at once meet in these.
_RACES = (errors.DuplicateObject, errors.DuplicateSchema, errors.UniqueViolation)
_TRIES = 20


def role_name(bundle: str, prefix: str) -> str:
    return f"{prefix}_{bundle}"


def with_prefix(text: str, prefix: str) -> str:
    """The same SQL with this installation's role names in place of onewriter_*."""
    return text if prefix == "onewriter" else _ROLE_NAME.sub(rf"{prefix}_\1", text)


def ensure_roles(conn: Connection[Any], prefix: str) -> None:
    """Creates the missing bundle roles; needs CREATEROLE only then. `conn` is in autocommit."""
    for bundle in BUNDLES:
        ensure_bundle(conn, bundle, prefix)
    _let_act_as_owner(conn, role_name(OWNER, prefix))
    _let_see_and_end_backends(conn, role_name(OWNER, prefix))


def ensure_bundle(conn: Connection[Any], bundle: str, prefix: str) -> bool:
    """Creates one bundle role where it is missing; whether it was. `conn` is in autocommit."""
    name = role_name(bundle, prefix)
    missing = not role_exists(conn, name)
    if missing:
        create = sql.SQL("create role {} nologin").format(sql.Identifier(name))
        repeat_on_race(lambda: conn.execute(create))
        note = sql.SQL("comment on role {} is {}").format(sql.Identifier(name), sql.Literal(BUNDLES[bundle]))
        repeat_on_race(lambda: conn.execute(note))
    return missing


def ensure_schemas(conn: Connection[Any], prefix: str) -> None:
    """Creates the missing schemas in the owner's name; needs CREATE on the database only then."""
    owner = sql.Identifier(role_name(OWNER, prefix))
    present = {name for (name,) in conn.execute("select nspname from pg_namespace")}
    for name in SCHEMAS:
        if name not in present:
            create = sql.SQL("create schema {} authorization {}").format(sql.Identifier(name), owner)
            repeat_on_race(lambda create=create: conn.execute(create))  # type: ignore[misc]


def describe_schemas(conn: Connection[Any]) -> None:
    """Comments on the schemas that have none; `conn` acts as the owner."""
    for name, comment in SCHEMAS.items():
        if conn.execute("select obj_description(%s::regnamespace, 'pg_namespace')", [name]).fetchone() == (
            None,
        ):
            note = sql.SQL("comment on schema {} is {}").format(sql.Identifier(name), sql.Literal(comment))
            repeat_on_race(lambda note=note: conn.execute(note))  # type: ignore[misc]


def close_to_public(conn: Connection[Any], prefix: str) -> None:
    """New functions of the owner start without EXECUTE for PUBLIC.

    Without IN SCHEMA: with it the built-in default stays, and the statement has no effect.
    """
    owner = sql.Identifier(role_name(OWNER, prefix))
    revoke = sql.SQL("alter default privileges for role {} revoke execute on functions from public")
    repeat_on_race(lambda: conn.execute(revoke.format(owner)))


def repeat_on_race(statement: Callable[[], object]) -> None:
    """Runs an idempotent catalogue change; "exists already" is success, a concurrent update is repeated."""
    for attempt in range(_TRIES):
        try:
            statement()
        except _RACES:
            return
        except errors.InternalError_ as error:  # XX000: tuple concurrently updated
            if "concurrently" not in str(error) or attempt == _TRIES - 1:
                raise
            time.sleep(random.uniform(0.005, 0.05))
        else:
            return


def role_exists(conn: Connection[Any], name: str) -> bool:
    return conn.execute("select 1 from pg_roles where rolname = %s", [name]).fetchone() is not None


def _let_act_as_owner(conn: Connection[Any], owner: str) -> None:
    # Since 16 who creates a role may administer it, but not SET ROLE to it; and nobody needs to inherit it.
    detailed = conn.info.server_version >= 160_000
    able = conn.execute(
        "select pg_has_role(current_user, %s, %s)", [owner, "set" if detailed else "member"]
    ).fetchone()
    if able is not None and not able[0]:
        options = sql.SQL(" with inherit false, set true" if detailed else "")
        grant = sql.SQL("grant {} to current_user{}").format(sql.Identifier(owner), options)
        repeat_on_race(lambda: conn.execute(grant))


def _let_see_and_end_backends(conn: Connection[Any], owner: str) -> None:
    """For jobs.end_backend, which ends workers' backends only, and for what looks at those of others.

    Where this login may not grant them, doctor says so.
    """
    for right in PREDEFINED:
        wanted = conn.execute(
            """select not pg_has_role(%s, %s, 'member') and rolsuper
               from pg_roles where rolname = current_user""",
            [owner, right],
        ).fetchone()
        if wanted is not None and wanted[0]:
            grant = sql.SQL("grant {} to {}").format(sql.Identifier(right), sql.Identifier(owner))
            repeat_on_race(lambda grant=grant: conn.execute(grant))  # type: ignore[misc]
