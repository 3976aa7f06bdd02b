"""A login per worker host: its role with limits, and beside it in the database what it may claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection, sql
from psycopg.rows import scalar_row

from app.schema.logins import create_login, require_new
from app.schema.roles import OWNER, role_name

KIND = "worker"


@dataclass(frozen=True)
class Grant:
    """What a login may claim; `tasks` are patterns with * and ?. None: any queue, any task, any number."""

    queues: Sequence[str] | None = None
    tasks: Sequence[str] | None = None
    in_flight: int | None = None


@dataclass(frozen=True)
class Limits:
    """What PostgreSQL itself holds a login to. `temp_file_limit` as PostgreSQL writes it: 256MB."""

    connections: int
    temp_file_limit: str


@dataclass(frozen=True)
class Revoked:
    """How many sessions and connections ended, and how many jobs they held, which wait again now.

    One of them that was lost for the third time has failed instead. `wake` is who may claim them.
    """

    login: str
    sessions: int
    connections: int
    jobs: int
    wake: tuple[str, ...]


def create_worker_login(
    conn: Connection[Any],
    name: str,
    password: str,
    grant: Grant,
    limits: Limits,
    *,
    actor: str,
    role_prefix: str = "onewriter",
) -> bool:
    """The role and its grant, or neither. False: this admin may not set temp_file_limit, so it was left out.

    `conn` is in autocommit, as for create_login. Raises NameTaken, Invalid, OWK01, OWV01.
    """
    require_new(conn, name)
    with conn.transaction():
        # The grant first: a login without one would be unrestricted.
        with _as_owner(conn, role_prefix):
            conn.execute(
                "select jobs.create_worker_login(%s, %s, %s, %s, %s)",
                [name, _list(grant.queues), _list(grant.tasks), grant.in_flight, actor],
            )
        create_login(conn, name, KIND, password, role_prefix=role_prefix)
        return _limit(conn, name, limits)


def revoke_worker_login(
    conn: Connection[Any], name: str, *, actor: str, reason: str, role_prefix: str = "onewriter"
) -> Revoked:
    """Any worker login, restricted or not: no new connection, the open ones ended, their jobs given back.

    `conn` is in autocommit: each step holds, whatever happens to the next. The caller signals `wake`.
    Raises OWN02.
    """
    if _is_worker(conn, name, role_prefix):
        conn.execute(sql.SQL("alter role {} nologin").format(sql.Identifier(name)))
    with _as_owner(conn, role_prefix):
        ended = _value(conn, "select jobs.revoke_worker_login(%s, %s, %s)", [name, actor, reason])
    return Revoked(login=name, **ended, wake=tuple(_rescue(conn, role_prefix)))


def forget_worker_login(conn: Connection[Any], name: str, *, role_prefix: str = "onewriter") -> None:
    """Makes a revoked login's name free again. Raises OWS01 where it is not revoked."""
    with _as_owner(conn, role_prefix):
        conn.execute("select jobs.forget_worker_login(%s)", [name])


def _is_worker(conn: Connection[Any], name: str, role_prefix: str) -> bool:
    # "usage": since 16 whoever made the bundle is a member of it too, and inherits nothing.
    query = "select pg_has_role(oid, %s, 'usage') and not rolsuper from pg_roles where rolname = %s"
    return bool(_value(conn, query, [role_name(KIND, role_prefix), name]))


def _rescue(conn: Connection[Any], role_prefix: str) -> Iterator[str]:
    """What the scheduler is doing at the same moment, in case there is none: a transaction per session."""
    answer: dict[str, Any] = {"session": 0}
    while answer["session"] is not None:
        with _as_owner(conn, role_prefix):
            answer = _value(conn, "select server_api.rescue()")
        yield from answer["wake"]


def _limit(conn: Connection[Any], name: str, limits: Limits) -> bool:
    login, database = sql.Identifier(name), sql.Identifier(conn.info.dbname)
    conn.execute(sql.SQL("alter role {} connection limit {}").format(login, sql.Literal(limits.connections)))
    # It is a superuser's to set, so that a login cannot lift its own.
    allowed: bool = _value(conn, "select has_parameter_privilege('temp_file_limit', 'set')")
    if allowed:
        alter = sql.SQL("alter role {} in database {} set temp_file_limit = {}")
        conn.execute(alter.format(login, database, sql.Literal(limits.temp_file_limit)))
    return allowed


@contextmanager
def _as_owner(conn: Connection[Any], role_prefix: str) -> Iterator[None]:
    """One transaction in the owner's name: no login is granted what makes or ends logins."""
    owner = sql.Identifier(role_name(OWNER, role_prefix))
    with conn.transaction():
        conn.execute(sql.SQL("set local role {}").format(owner))
        yield
        conn.execute("set local role none")


def _value(conn: Connection[Any], query: LiteralString, values: Sequence[Any] = ()) -> Any:
    return conn.cursor(row_factory=scalar_row).execute(query, values).fetchone()


def _list(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else list(names)
