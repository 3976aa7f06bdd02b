"""Hardening takes what it says, gives it back, verifies itself, and leaves everything of ours working."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from app.schema.harden import FAMILIES, NotHardened, harden, open_databases, plan, unharden
from app.schema.migrate import migrate
from tests.support.cluster import Database, Server

pytestmark = pytest.mark.pg15(soak=True)


@pytest.fixture
def admin(db: Database) -> Iterator[psycopg.Connection[Any]]:
    with db.connect("admin") as conn:
        yield conn


def public_may(conn: psycopg.Connection[Any], pattern: str) -> list[str]:
    rows = conn.execute(
        """select oid::regprocedure::text from pg_proc
           where proname ~ %s and pronamespace = 'pg_catalog'::regnamespace
             and has_function_privilege('public', oid, 'execute')""",
        [f"^({pattern})$"],
    )
    return [name for (name,) in rows]


def test_a_hardened_database_has_nothing_left_to_do(admin: psycopg.Connection[Any]) -> None:
    assert plan(admin) == []


@pytest.mark.parametrize("pattern", FAMILIES.values())
def test_every_overload_is_closed_to_public_and_open_to_the_owner(
    admin: psycopg.Connection[Any], pattern: str
) -> None:
    assert public_may(admin, pattern) == []
    kept = admin.execute(
        """select count(*) filter (where has_function_privilege('onewriter_api', oid, 'execute')),
                  count(*) filter (where has_function_privilege('pg_monitor', oid, 'execute'))
           from pg_proc where proname ~ %s and pronamespace = 'pg_catalog'::regnamespace""",
        [f"^({pattern})$"],
    ).fetchone()
    assert kept is not None
    assert min(kept) > 0


def test_undo_gives_back_postgresqls_defaults(db: Database, admin: psycopg.Connection[Any]) -> None:
    def rights() -> list[Any]:
        return admin.execute(
            """select 'f', oid, has_function_privilege('public', oid, 'execute') from pg_proc
               where pronamespace = 'pg_catalog'::regnamespace
               union all select 'l', oid, has_language_privilege('public', oid, 'usage') from pg_language
               union all select 'n', oid, has_schema_privilege('public', oid, 'usage') from pg_namespace
               union all select 'r', oid, has_table_privilege('public', oid, 'select') from pg_class
                where relnamespace = 'pg_catalog'::regnamespace
               order by 1, 2"""
        ).fetchall()

    hardened = rights()
    steps = unharden(db.dsn("admin"))
    assert steps
    assert plan(admin, undo=True) == []
    undone = rights()
    assert undone != hardened
    assert set(_initially_open(admin)) <= {oid for kind, oid, public in undone if kind == "f" and public}
    harden(db.dsn("admin"))
    assert rights() == hardened


def test_every_step_says_why_and_whom_it_touches(db: Database, admin: psycopg.Connection[Any]) -> None:
    unharden(db.dsn("admin"))
    admin.execute('create role "Somebody else" login')
    try:
        steps = plan(admin)
        assert all(step.reason and step.statements for step in steps)
        assert all("Somebody else" in step.affects for step in steps)
        # Our own logins go on connecting, by their bundle.
        connecting = next(step for step in steps if step.reason.startswith("connecting"))
        assert not any(login.startswith("onewriter_test_") for login in connecting.affects)
        assert all("postgres" not in step.affects for step in steps)
    finally:
        admin.execute('drop role "Somebody else"')


def test_without_the_right_it_says_so_and_changes_nothing(
    db: Database, admin: psycopg.Connection[Any]
) -> None:
    unharden(db.dsn("admin"))
    before = [step.statements for step in plan(admin)]  # whom they touch changes with other tests' logins
    with pytest.raises((NotHardened, errors.InsufficientPrivilege)):
        harden(db.dsn("dba"))
    assert [step.statements for step in plan(admin)] == before


def test_other_databases_are_touched_only_when_asked(db: Database, admin: psycopg.Connection[Any]) -> None:
    name = f"{db.name}_other"
    admin.execute(f"create database {name}")
    try:
        assert name in dict(open_databases(admin))
        harden(db.dsn("admin"))
        assert name in dict(open_databases(admin))
        (step,) = [step for step in plan(admin, cluster=True) if step.reason.endswith(f": {name}")]
        assert step.statements == (f"revoke all on database {name} from public",)
    finally:
        admin.execute(f"drop database {name}")


def test_migrating_again_works_afterwards_as_the_migrator(db: Database) -> None:
    migrate(db.dsn("migrator"))


def test_a_job_goes_its_whole_way_afterwards(db: Database) -> None:
    with db.connect("server") as server, db.connect("worker") as worker:
        catalogue = '{"catalogue": 1, "tasks": [{"name": "echo", "schema": {}}]}'
        server.execute("select server_api.publish_tasks('here', %s, 'test')", [catalogue])
        (job,) = server.execute("select server_api.enqueue('echo')").fetchone()  # type: ignore[misc]
        (session,) = worker.execute("select worker_api.open(null, 'w')").fetchone()  # type: ignore[misc]
        answer = worker.execute(
            "select worker_api.exchange(%s, %s, null, null, null, null,"
            " null, null, null, 1, 1, true, null)::json",
            [session["session"], session["secret"]],
        ).fetchone()
        assert answer is not None
        assert answer[0]["jobs"][0] == [job]  # by columns: the first holds the ids
        assert server.execute("select server_api.elect('loop')").fetchone() == (True,)
        assert server.execute("select server_api.rescue() ->> 'session'").fetchone() == (None,)


def test_a_worker_sees_nobody_else(db: Database) -> None:
    with db.connect("worker") as worker:
        for statement in ("select * from pg_stat_activity", "select * from pg_locks", "select pg_sleep(0)"):
            with pytest.raises(errors.InsufficientPrivilege):
                worker.execute(statement)


def test_a_database_migrated_but_not_hardened_still_refuses_writes(postgres: Server, db: Database) -> None:
    unharden(db.dsn("admin"))
    with db.connect("worker") as worker, pytest.raises(errors.InsufficientPrivilege):
        worker.execute("update procrastinate_jobs set status = 'succeeded'")


def _initially_open(conn: psycopg.Connection[Any]) -> list[int]:
    """Functions that initdb leaves open to everybody."""
    rows = conn.execute(
        """select oid from pg_proc p where pronamespace = 'pg_catalog'::regnamespace
           and not exists (
               select from pg_init_privs i where i.objoid = p.oid and i.classoid = 'pg_proc'::regclass)"""
    )
    return [oid for (oid,) in rows]
