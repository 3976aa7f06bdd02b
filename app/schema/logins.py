"""Logins: members of one bundle each, with that role's search_path and its accident guards."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import class_row

from app.errors import Invalid, NameTaken, NotFound
from app.schema.roles import BUNDLES, OWNER, SCHEMAS, repeat_on_race, role_exists, role_name

MIGRATOR = "migrator"
KINDS = ("server", "handler", "worker", "producer", "dba", "janitor", MIGRATOR)

# procrastinate is on every path, so that a forbidden write says "permission denied", not "does not exist".
SEARCH_PATHS = {
    "server": "server_api, procrastinate",
    "handler": "server_api, procrastinate",
    "worker": "worker_api, procrastinate",
    "producer": "server_api, procrastinate",
    "dba": "inspect, operator_api, procrastinate",
    "janitor": "server_api, procrastinate",
}
# Guards against accidents only: a login may SET them back. The boundary is that it has no right to write.
_COMMON = {"jit": "off"}
GUARDS = {
    "server": _COMMON | {"idle_in_transaction_session_timeout": "60s"},
    "worker": _COMMON
    | {"statement_timeout": "60s", "idle_in_transaction_session_timeout": "10s", "work_mem": "16MB"},
}
_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class Login:
    """A role that may log in, and the bundle it is a member of."""

    name: str
    kind: str
    connections: int


def new_password() -> str:
    return secrets.token_urlsafe(24)


def create_login(
    conn: Connection[Any], name: str, role: str, password: str, *, role_prefix: str = "onewriter"
) -> None:
    """Makes `name` a login of kind `role` (see KINDS), or gives an existing one this password and membership.

    `conn` is in autocommit, a superuser or one with CREATEROLE and ADMIN on the bundles. Settings are per
    database, since one cluster may hold several onewriters. The password leaves this process hashed.
    """
    _check(name, role, role_prefix)
    login, bundle = (
        sql.Identifier(name),
        sql.Identifier(role_name(OWNER if role == MIGRATOR else role, role_prefix)),
    )
    inherit = sql.SQL("noinherit" if role == MIGRATOR else "inherit")
    hashed = sql.Literal(scram(conn, name, password))
    for statement in (
        sql.SQL("create role {} login {}").format(login, inherit),
        sql.SQL("alter role {} login {} password {}").format(login, inherit, hashed),
        sql.SQL("grant {} to {}").format(bundle, login),
    ):
        repeat_on_race(lambda statement=statement: conn.execute(statement))  # type: ignore[misc]
    admit_login(conn, name, role)


def admit_login(conn: Connection[Any], name: str, role: str) -> None:
    """Lets a login that was made before (its kind is `role`) into one more database of its server."""
    for statement in _settings(conn, sql.Identifier(name), role):
        repeat_on_race(lambda statement=statement: conn.execute(statement))  # type: ignore[misc]
    let_connect(conn, name)


def require_new(conn: Connection[Any], name: str) -> None:
    """Raises NameTaken where a role of this name exists, whoever made it."""
    if role_exists(conn, name):
        raise NameTaken(f"a role named {name} exists already")


def record_settings(conn: Connection[Any], role_prefix: str) -> None:
    """What members of each bundle should have set, for jobs.setting_drift. `conn` acts as the owner."""
    rows = [
        (role_name(kind, role_prefix), setting, value)
        for kind, path in SEARCH_PATHS.items()
        for setting, value in {"search_path": path, **GUARDS.get(kind, {})}.items()
    ]
    with conn.transaction():
        conn.execute("delete from jobs.login_setting")
        conn.cursor().executemany(
            "insert into jobs.login_setting (role, setting, value) values (%s, %s, %s)", rows
        )


def list_logins(
    conn: Connection[Any], *, role_prefix: str = "onewriter", revoked: bool = False
) -> list[Login]:
    """Direct members of the bundles; a member of the owner is a migrator.

    Those that may log in; with `revoked` also those that may not any more.
    """
    bundles = {role_name(bundle, role_prefix): bundle for bundle in BUNDLES}
    rows = conn.cursor(row_factory=class_row(Login)).execute(
        """select login.rolname as name, bundle.rolname as kind,
                  (select count(*) from pg_stat_activity a where a.usesysid = login.oid) as connections
           from pg_auth_members m
           join pg_roles bundle on bundle.oid = m.roleid
           join pg_roles login on login.oid = m.member
           where bundle.rolname = any(%s) and (login.rolcanlogin or %s)
             -- Since 16 whoever makes a role is a member who may administer it, and nothing else.
             and coalesce((to_jsonb(m) ->> 'inherit_option')::boolean
                          or (to_jsonb(m) ->> 'set_option')::boolean, true)
           group by login.oid, login.rolname, bundle.rolname order by 2, 1""",
        [list(bundles), revoked],
    )
    kinds = {**bundles, role_name(OWNER, role_prefix): MIGRATOR}
    return [Login(row.name, kinds[row.kind], row.connections) for row in rows]


def drop_login(conn: Connection[Any], name: str, *, role_prefix: str = "onewriter") -> None:
    """Drops a login of ours, a revoked one too; refuses any other role.

    Its open sessions end at their next statement.
    """
    if name not in {login.name for login in list_logins(conn, role_prefix=role_prefix, revoked=True)}:
        raise NotFound(f"{name} is no login of this installation")
    login, database = sql.Identifier(name), sql.Identifier(conn.info.dbname)
    conn.execute(sql.SQL("revoke all on database {} from {}").format(database, login))
    conn.execute(sql.SQL("drop role {}").format(login))


def _check(name: str, role: str, role_prefix: str) -> None:
    if role not in KINDS:
        raise Invalid(f"a login is one of {', '.join(KINDS)}, not {role}")
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} is no name for a login: lower-case letters, digits, - and _, at most 63")
    if name in {role_name(bundle, role_prefix) for bundle in BUNDLES}:
        raise Invalid(f"{name} is a bundle role; choose a name of its own")


def _settings(conn: Connection[Any], login: sql.Identifier, role: str) -> list[sql.Composed]:
    database = sql.Identifier(conn.info.dbname)
    alter = sql.SQL("alter role {} in database {} set {} = {}")
    path = SEARCH_PATHS.get(role)
    statements = []
    if path is not None:
        assert all(schema in SCHEMAS for schema in path.split(", "))
        statements.append(alter.format(login, database, sql.SQL("search_path"), sql.SQL(path)))
    for setting, value in GUARDS.get(role, {}).items():
        statements.append(alter.format(login, database, sql.SQL(setting), sql.Literal(value)))
    return statements


def let_connect(conn: Connection[Any], name: str) -> None:
    """CONNECT on this database, where the role may not yet."""
    # A hardened database lets the bundles in, and a migrator inherits nothing from its own.
    shut = "select where not has_database_privilege(%s, current_database(), 'connect')"
    if conn.execute(shut, [name]).fetchone() is not None:
        names = sql.Identifier(conn.info.dbname), sql.Identifier(name)
        repeat_on_race(lambda: conn.execute(sql.SQL("grant connect on database {} to {}").format(*names)))


def scram(conn: Connection[Any], name: str, password: str) -> str:
    """The password as the server keeps it: it leaves this process hashed."""
    encoded = conn.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    return encoded.decode()
