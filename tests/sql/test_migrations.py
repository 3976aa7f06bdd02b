"""Migrations: from nothing, half-way, twice at once, under another prefix, by a migrator."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from app.schema import contract
from app.schema.ddl import script
from app.schema.doctor import examine
from app.schema.grants import live_grants, read_page
from app.schema.logins import create_login, drop_login
from app.schema.migrate import become_owner, migrate, run_revisions
from app.schema.paths import SQL
from app.schema.roles import BUNDLES, SCHEMAS, with_prefix
from app.schema.sqlfiles import read_grants
from tests.sql.schema_text import schema_text
from tests.support.cluster import Database, Server

SNAPSHOT = Path(__file__).with_name("schema.txt")
_numbers = itertools.count(1)


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    """The DSN of an empty database."""
    name = f"migrations_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as conn:
        conn.execute(f"create database {name}")
        yield postgres.dsn(name)
        conn.execute(f"drop database {name} with (force)")


def described(dsn: str) -> str:
    with psycopg.connect(dsn) as conn:
        return schema_text(conn)


def processes() -> ProcessPoolExecutor:
    """Alembic keeps its context in a module, so two migrates are two processes, as they are in life."""
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


@pytest.mark.pg15
def test_migrating_makes_the_committed_schema(empty: str) -> None:
    """A review sees the DDL that changed. tests/sql/schema_text.py says how to renew it."""
    migrate(empty)
    assert described(empty) == SNAPSHOT.read_text(encoding="utf-8")


@pytest.mark.pg15
def test_migrating_again_changes_nothing(empty: str) -> None:
    migrate(empty)
    before = described(empty), _acl(empty)
    migrate(empty)
    assert (described(empty), _acl(empty)) == before


@pytest.mark.pg15
def test_two_at_once_come_one_after_the_other(empty: str, db: Database) -> None:
    with processes() as pool:
        for done in [pool.submit(migrate, empty) for _ in range(3)]:
            done.result()
    assert described(empty) == described(db.dsn("admin"))


def test_two_databases_of_one_cluster_at_once(postgres: Server) -> None:
    names = [f"migrations_{os.getpid()}_{next(_numbers)}" for _ in range(2)]
    prefix = f"race{os.getpid()}"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as conn:
        for name in names:
            conn.execute(f"create database {name}")
        try:
            with processes() as pool:
                runs = [pool.submit(migrate, postgres.dsn(name), role_prefix=prefix) for name in names]
                for done in runs:
                    done.result()
        finally:
            for name in names:
                conn.execute(f"drop database {name} with (force)")
            _drop_roles(conn, prefix)


def test_another_prefix_names_other_roles(empty: str) -> None:
    prefix = f"acme{os.getpid()}"
    try:
        migrate(empty, role_prefix=prefix)
        with psycopg.connect(empty) as conn:
            owners = conn.execute(
                """select distinct pg_get_userbyid(relowner) from pg_class
                   where relnamespace = 'jobs'::regnamespace"""
            ).fetchall()
            assert owners == [(f"{prefix}_api",)]
            grantees = conn.execute(
                """select distinct grantee::regrole::text from pg_proc, aclexplode(proacl)
                   where pronamespace = 'worker_api'::regnamespace order by 1"""
            ).fetchall()
            assert grantees == [(f"{prefix}_api",), (f"{prefix}_worker",)]
            sources = conn.execute(
                "select prosrc from pg_proc where pronamespace = 'jobs'::regnamespace"
            ).fetchall()
            assert not any("onewriter_worker" in source for (source,) in sources)
    finally:
        with psycopg.connect(empty, autocommit=True) as conn:
            conn.execute(f"drop owned by {prefix}_api cascade")
            _drop_roles(conn, prefix)


@pytest.mark.pg15
def test_a_migrator_runs_it_where_roles_and_schemas_are(db: Database) -> None:
    migrate(db.dsn("migrator"))


@pytest.mark.pg15
def test_a_superuser_is_not_needed(postgres: Server, empty: str) -> None:
    """CREATEROLE and owning the database do; what only a superuser may grant, the doctor names."""
    boss, prefix = f"boss_{os.getpid()}", f"own{os.getpid()}"
    name = empty.rpartition("/")[2]
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as conn:
        conn.execute(f"create role {boss} login createrole".encode())
        conn.execute(f"alter database {name} owner to {boss}".encode())
        dsn = postgres.dsn(name, boss)
        try:
            migrate(dsn, role_prefix=prefix)
            migrate(dsn, role_prefix=prefix)
            mends = [finding.mend for finding in examine(dsn, role_prefix=prefix)]
            assert f"grant pg_signal_backend to {prefix}_api;" in mends
            assert f"grant pg_read_all_stats to {prefix}_api;" in mends
            assert "onewriter migrate" not in mends
        finally:
            conn.execute(f"alter database {name} owner to postgres".encode())
            with psycopg.connect(empty, autocommit=True) as inside:
                inside.execute(f"drop owned by {prefix}_api cascade".encode())
                _drop_roles(inside, prefix)
            conn.execute(f"drop role {boss}".encode())


def test_a_login_without_rights_is_refused_before_anything_changes(db: Database) -> None:
    before = described(db.dsn("admin"))
    with pytest.raises(errors.InsufficientPrivilege):
        migrate(db.dsn("dba"))
    assert described(db.dsn("admin")) == before


def test_nothing_outside_our_schemas_and_roles_is_touched(empty: str) -> None:
    before = _foreign(empty)
    migrate(empty)
    assert _foreign(empty) == before


@pytest.mark.pg15
def test_the_base_revision_goes_up_down_and_up(empty: str, db: Database) -> None:
    migrate(empty, revision="0001")
    first = described(empty)
    with psycopg.connect(empty, autocommit=True) as conn:
        become_owner(conn, "onewriter")
        run_revisions(conn, "base")
        left = conn.execute(
            """select relname from pg_class where relnamespace = 'procrastinate'::regnamespace
               union all select proname from pg_proc where pronamespace = 'procrastinate'::regnamespace
               union all select typname from pg_type where typnamespace = 'procrastinate'::regnamespace"""
        ).fetchall()
        assert left == []
    migrate(empty, revision="0001")
    assert described(empty) == first
    migrate(empty)
    assert described(empty) == described(db.dsn("admin"))


def test_a_run_killed_between_two_files_goes_on_where_it_stopped(
    empty: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Upstream's files have a transaction each, so a kill leaves some of them applied."""
    execute = psycopg.Connection.execute

    def stumbling(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        if isinstance(query, bytes) and b"upstream migrations up to 02.06" in query:
            raise KeyboardInterrupt
        return execute(self, query, *args, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", stumbling)
    with pytest.raises(KeyboardInterrupt):
        migrate(empty)
    monkeypatch.undo()
    migrate(empty)
    assert described(empty) == described(db.dsn("admin"))


def test_procrastinates_other_migrations_are_upstreams_schema(empty: str) -> None:
    """The numbered files make what the package's own schema.sql makes, but for the order of columns."""
    migrate(empty, revision="0001")
    by_files = described(empty)
    with psycopg.connect(empty, autocommit=True) as conn:
        become_owner(conn, "onewriter")
        run_revisions(conn, "base")
        conn.execute("set search_path = procrastinate")
        conn.execute(_upstream_schema().encode())
    assert _significant(described(empty)) == _significant(by_files)


def test_what_no_file_defines_is_dropped(db: Database) -> None:
    before = described(db.dsn("admin"))
    with db.connect("admin") as conn:
        become_owner(conn, "onewriter")
        conn.execute("create function jobs.left_over(integer) returns integer language sql as 'select 1'")
        conn.execute("create function jobs.claim(integer) returns integer language sql as 'select 1'")
        conn.execute("create view inspect.left_over as select 1")
        conn.execute("grant select on jobs.api_key to onewriter_server")
        contract.apply(conn)
    assert described(db.dsn("admin")) == before
    with db.connect("server") as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute("select * from jobs.api_key")


def test_an_error_in_the_contract_changes_nothing(db: Database, tmp_path: Path) -> None:
    before = described(db.dsn("admin"))
    with db.connect("admin") as conn:
        become_owner(conn, "onewriter")
        broken = shutil.copytree(SQL, tmp_path / "sql")
        (broken / "jobs" / "claim.sql").unlink()
        (broken / "grants.sql").write_text("grant nonsense;")
        with pytest.raises(errors.SyntaxError):
            contract.apply(conn, folder=broken)
    assert described(db.dsn("admin")) == before


def test_every_object_has_a_comment(db: Database) -> None:
    with db.connect("admin") as conn:
        silent = conn.execute(
            """select oid::regprocedure::text from pg_proc
               where pronamespace = any(%(ours)s::text[]::regnamespace[])
                 and obj_description(oid, 'pg_proc') is null
               union all
               select oid::regclass::text from pg_class
               where relnamespace = any(%(ours)s::text[]::regnamespace[])
                 and relkind in ('r', 'v') and obj_description(oid, 'pg_class') is null
                 and relname <> 'alembic_version'
               union all
               select nspname from pg_namespace where nspname = any(%(ours)s)
                 and obj_description(oid, 'pg_namespace') is null
               order by 1""",
            {"ours": list(SCHEMAS)},
        ).fetchall()
    assert silent == []


@pytest.mark.pg15
def test_the_printed_sql_makes_the_same_schema(empty: str, db: Database) -> None:
    prefix = f"printed{os.getpid()}"
    try:
        with psycopg.connect(empty, autocommit=True) as conn:
            for statement in _messages(script(prefix)):
                conn.execute(statement.encode())
        assert described(empty) == described(db.dsn("admin"))
        with psycopg.connect(empty) as conn:
            assert live_grants(conn) == read_page(with_prefix(read_grants(), prefix))
    finally:
        with psycopg.connect(empty, autocommit=True) as conn:
            conn.execute(f"drop owned by {prefix}_api cascade")
            _drop_roles(conn, prefix)


@pytest.mark.pg15
def test_contract_sql_folder_is_all_applied(db: Database) -> None:
    with db.connect("admin") as conn:
        (count,) = conn.execute(
            """select (select count(distinct (pronamespace, proname)) from pg_proc
                       where pronamespace = any(%(ours)s::text[]::regnamespace[]))
                    + (select count(*) from pg_class where relkind = 'v'
                       and relnamespace = any(%(ours)s::text[]::regnamespace[]))""",
            {"ours": list(SCHEMAS)},
        ).fetchone()  # type: ignore[misc]
    assert count == len(list(SQL.glob("*/*.sql")))


@pytest.mark.pg15
def test_a_migrator_made_after_hardening_can_connect(db: Database) -> None:
    name = f"deploy_{os.getpid()}"
    with db.connect("admin") as conn:
        create_login(conn, name, "migrator", "x")
        try:
            migrate(db.server.dsn(db.name, name))
        finally:
            drop_login(conn, name)


def test_a_login_can_be_made_twice_and_is_what_was_asked(db: Database) -> None:
    name = f"twice_{os.getpid()}"
    with db.connect("admin") as conn:
        try:
            for password in ("one", "two"):
                create_login(conn, name, "worker", password)
            assert conn.execute("select pg_has_role(%s, 'onewriter_worker', 'usage')", [name]).fetchone() == (
                True,
            )
            stored = conn.execute("select rolpassword from pg_authid where rolname = %s", [name]).fetchone()
            assert stored is not None
            assert stored[0].startswith("SCRAM-SHA-256$")
        finally:
            conn.execute(f"drop role {name}")


def _acl(dsn: str) -> set[tuple[str, str]]:
    with psycopg.connect(dsn) as conn:
        rows = conn.execute(
            """select oid::regprocedure::text, proacl::text from pg_proc
               where pronamespace = any(%(ours)s::text[]::regnamespace[])
               union select oid::regclass::text, relacl::text from pg_class
               where relkind in ('r', 'v', 'S') and relnamespace = any(%(ours)s::text[]::regnamespace[])
               union select nspname, nspacl::text from pg_namespace where nspname = any(%(ours)s)""",
            {"ours": list(SCHEMAS)},
        )
        return {(name, acl or "") for name, acl in rows}


def _foreign(dsn: str) -> list[Any]:
    """Rights on everything that isn't ours: the database, other schemas, the catalogue, languages."""
    with psycopg.connect(dsn) as conn:
        return conn.execute(
            """select 'database', oid, datacl::text from pg_database where datname = current_database()
               union all select 'schema', oid, nspacl::text from pg_namespace where nspname <> all(%(ours)s)
               union all select 'function', oid, proacl::text from pg_proc
                 where pronamespace <> all (select oid from pg_namespace where nspname = any(%(ours)s))
               union all select 'relation', oid, relacl::text from pg_class
                 where relnamespace = 'pg_catalog'::regnamespace
               union all select 'language', oid, lanacl::text from pg_language order by 1, 2""",
            {"ours": list(SCHEMAS)},
        ).fetchall()


def _drop_roles(conn: psycopg.Connection[Any], prefix: str) -> None:
    for bundle in BUNDLES:
        conn.execute(f"drop role {prefix}_{bundle}")


def _messages(text: str) -> Iterator[str]:
    """The script in pieces that each end with a commit, as one message each."""
    for part in re.split(r"(?im)^commit;$", text):
        opened = re.search(r"(?im)^begin;$", part) is not None
        yield f"{part}\ncommit;" if opened else part


def _upstream_schema() -> str:
    return (resources.files("procrastinate.sql") / "schema.sql").read_text(encoding="utf-8")


def _significant(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines() if line.strip()}
