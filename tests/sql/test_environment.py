"""A copy runs nothing until somebody arms it: what each login may do there, on 15 and 18."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.support.cluster import LOGINS, Database
from tests.support.copies import cloned, dump, load, restored
from tests.support.protocol import Session, enqueue, job, rescue, status

pytestmark = pytest.mark.pg15(soak=True)

Copying = Callable[[Database], AbstractContextManager[Database]]
COPIES = [pytest.param(cloned, id="template"), pytest.param(restored, id="pg_dump")]
OPEN = "select worker_api.open(null, 'w', 15, null, %s)"


def refusal(conn: psycopg.Connection[Any], query: str, *values: Any) -> tuple[str | None, str]:
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(query.encode(), values)
    return caught.value.sqlstate, caught.value.diag.message_primary or ""


def arm(db: Database, environment: str = "default") -> None:
    with db.connect("admin") as conn:
        conn.execute("set role onewriter_api")
        conn.execute("select jobs.arm(%s, 'somebody')", [environment])


def shown(db: Database) -> tuple[Any, ...]:
    with db.connect("dba") as conn:
        row = conn.execute("select environment, quarantined from inspect.environment()").fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("copying", COPIES)
def test_a_copy_hands_out_nothing_until_it_is_armed(db: Database, copying: Copying) -> None:
    with db.connect("server") as server:
        (held, waiting) = enqueue(server, job(), job())
    original = Session(db)
    assert [claimed["id"] for claimed in original.claim(1)] == [held]
    with copying(db) as copy:
        server = copy.connect("server")
        for conn, query in (
            (copy.connect("worker"), "select worker_api.open(null, 'w')"),
            (copy.connect("worker"), f"select worker_api.resume({original.id}, '{original.secret}', null)"),
            (server, "select server_api.elect('scheduler')"),
            (server, "select server_api.require_armed('default')"),
        ):
            state, message = refusal(conn, query)
            assert (state, "a copy of default" in message) == ("OWE01", True), query
        assert shown(copy) == ("default", True)
        # Reading goes on, and so does a producer: its job waits with the others.
        assert (status(server, held), status(server, waiting)) == ("running", "ready")
        enqueue(server, job())

        arm(copy, "staging")
        assert shown(copy) == ("staging", False)
        gone = f"select worker_api.resume({original.id}, '{original.secret}', null, 'staging')"
        worker = copy.connect("worker")
        assert worker.execute(gone.encode()).fetchone() == ({"gone": True},)
        assert server.execute("select server_api.elect('scheduler', 'staging')").fetchone() == (True,)
        assert rescue(server)["returned"] == 1
        assert status(server, held) == "ready", "what the original's worker holds is this copy's to run"
        assert worker.execute(OPEN, ["staging"]).fetchone() is not None
        audit = server.execute("select actor, action, target, detail from server_api.audit").fetchall()
        detail = {"armed_in": copy.name, "was": "default", "was_in": "onewriter_template"}
        assert audit == [("somebody", "environment.arm", "staging", detail)]
    assert shown(db) == ("default", False)
    assert db.connect("worker").execute(OPEN, [None]).fetchone() is not None


def test_a_dump_restored_over_its_own_database_is_a_copy(db: Database) -> None:
    script = dump(db, "--clean", "--if-exists")
    load(db, script)
    assert shown(db) == ("default", True)


def test_another_environments_processes_are_refused(db: Database) -> None:
    worker, server = db.connect("worker"), db.connect("server")
    session = Session(db)
    for conn, query in (
        (worker, "select worker_api.open(null, 'w', 15, null, 'staging')"),
        (session.connection, f"select worker_api.resume({session.id}, '{session.secret}', null, 'staging')"),
        (server, "select server_api.elect('scheduler', 'staging')"),
        (server, "select server_api.require_armed('staging')"),
    ):
        state, message = refusal(conn, query)
        assert (state, message) == (
            "OWE02",
            "this database is armed as default, and this process belongs to staging (ONEWRITER_ENVIRONMENT)",
        ), query
    assert session.resume().get("gone") is None
    arm(db, "production")
    assert refusal(worker, OPEN, None)[0] == "OWE02", "who presents nothing belongs to default"
    assert worker.execute(OPEN, ["production"]).fetchone() is not None
    # In the same place nothing was copied: who is at work stays.
    assert session.exchange()["gone"] is False


def test_a_database_that_never_was_armed_runs_nothing(db: Database) -> None:
    db.connect("admin").execute("delete from jobs.environment")
    state, message = refusal(db.connect("worker"), OPEN, None)
    assert (state, "nobody armed this database" in message) == ("OWE01", True)
    assert shown(db) == (None, True)


def test_nobody_but_the_owner_arms(db: Database) -> None:
    queries = (
        "select jobs.arm('staging', 'me')",
        "select jobs.place()",
        "select jobs.require_armed('default')",
        "update jobs.environment set place = ''",
        "delete from jobs.environment",
    )
    for role, query in itertools.product(LOGINS, queries):
        with pytest.raises(errors.InsufficientPrivilege):
            db.connect(role).execute(query.encode())


def test_the_environment_is_shown_to_people_and_the_api_alone(db: Database) -> None:
    queries = ("select * from inspect.environment()", "select server_api.require_armed('default')")
    for role, query in itertools.product(("worker", "producer", "janitor"), queries):
        with pytest.raises(errors.InsufficientPrivilege):
            db.connect(role).execute(query.encode())


def test_an_environment_has_a_plain_name(db: Database) -> None:
    conn = db.connect("admin")
    for name in ("", "Prod", "a b", "-x", "x" * 64, None):
        assert refusal(conn, "select jobs.arm(%s, 'me')", name)[0] == "OWV01"
    assert shown(db) == ("default", False)
