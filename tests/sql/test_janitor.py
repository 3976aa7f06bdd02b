"""Whose backends may be ended, and when: workers' alone, by limits that nobody can set."""

from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.support.cluster import Database, login_name
from tests.support.protocol import Session, enqueue, job

pytestmark = pytest.mark.pg15(soak=True)

END = """select jobs.end_backend(a.pid, a.backend_start + %s::interval, %s)
           from pg_stat_activity as a where a.pid = %s"""


def look(db: Database) -> dict[str, Any]:
    """What the janitor's login is answered."""
    with db.connect("janitor") as janitor:
        row = janitor.execute("select server_api.end_overlong()").fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


def end(db: Database, conn: psycopg.Connection[Any], rule: str = "lease", later: str = "0") -> bool:
    """As the owner's own functions would: whether this backend was told to end."""
    row = db.connect("admin").execute(END, [later, rule, conn.info.backend_pid]).fetchone()
    assert row is not None
    return bool(row[0])


def is_worker(db: Database, *statements: str, login: str = "somebody") -> bool:
    """Of a login made by these statements, and never kept."""
    with db.connect("admin", autocommit=False) as admin:
        for statement in statements:
            admin.execute(statement.encode())
        row = admin.execute("select jobs.is_worker(%s)", [login]).fetchone()
        admin.rollback()
    assert row is not None
    return bool(row[0])


@pytest.mark.parametrize("role", ["server", "worker", "producer", "dba", "migrator"])
def test_nobody_else_may_call_it(db: Database, role: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        db.connect(role).execute("select server_api.end_overlong()")


def test_the_janitor_may_do_nothing_else(db: Database) -> None:
    janitor = db.connect("janitor")
    for query in (
        "select server_api.rescue()",
        "select server_api.metrics()",
        "select jobs.end_backend(1, now(), 'lease')",
        "select pg_terminate_backend(pg_backend_pid())",
        "select * from inspect.ended_backends",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            janitor.execute(query.encode())


def test_without_a_workers_connection_there_is_nothing_to_wait_for(db: Database) -> None:
    assert look(db) == {"ended": [], "next": None}


def test_an_idle_worker_costs_twelve_looks_a_minute(db: Database) -> None:
    worker = db.connect("worker")
    worker.execute("listen ow_any")
    assert look(db) == {"ended": [], "next": 5}


def test_the_next_look_comes_when_a_transaction_passes_its_limit(db: Database) -> None:
    worker = db.connect("worker", autocommit=False)
    worker.execute("select 1")
    waits = look(db)["next"]
    assert 0 <= waits < 5
    assert look(db)["next"] < waits
    worker.rollback()
    assert look(db)["next"] == 5


def test_one_that_is_not_past_its_limit_is_left_alone(db: Database) -> None:
    worker = db.connect("worker", autocommit=False)
    worker.execute("select 1")
    assert not end(db, worker, rule="transaction")
    worker.execute("select 1")


def test_a_workers_backend_is_ended_counted_and_once_audited(db: Database) -> None:
    for _ in range(3):
        worker = db.connect("worker", application_name="stolen")
        assert end(db, worker)
        with pytest.raises(errors.AdminShutdown):
            worker.execute("select 1")
    dba = db.connect("dba")
    seen = dba.execute("select login, rule, times, application, state from inspect.ended_backends").fetchall()
    assert seen == [(login_name("worker"), "lease", 3, "stolen", "idle")]
    audited = dba.execute("select actor, target from inspect.audit where action = 'backends.end'").fetchall()
    assert audited == [("janitor", login_name("worker"))]


def test_a_new_series_is_audited_again(db: Database) -> None:
    assert end(db, db.connect("worker"))
    db.connect("admin").execute("update jobs.ended_backend set last_at = last_at - interval '61 min'")
    assert end(db, db.connect("worker"))
    lines = db.connect("dba").execute("select count(*) from inspect.audit where action = 'backends.end'")
    assert lines.fetchone() == (2,)


@pytest.mark.parametrize("role", ["admin", "server", "dba", "producer", "migrator", "janitor"])
def test_nobody_elses_backend_is_ended(db: Database, role: str) -> None:
    other = db.connect(role)
    assert not end(db, other)
    assert other.execute("select 1").fetchone() == (1,)


def test_a_pid_that_was_given_to_another_backend_is_left_alone(db: Database) -> None:
    worker = db.connect("worker")
    assert not end(db, worker, later="1 ms")
    assert worker.execute("select 1").fetchone() == (1,)


def test_a_worker_of_another_database_is_left_alone(db: Database, postgres: Any) -> None:
    worker = psycopg.connect(postgres.dsn("postgres", login_name("worker")), autocommit=True)
    with worker:
        assert not end(db, worker)
        assert worker.execute("select 1").fetchone() == (1,)


def test_rescue_ends_no_backend_that_began_after_its_session_was_seen(db: Database) -> None:
    session = Session(db)
    admin = db.connect("admin")
    admin.execute("update jobs.session set last_seen_at = last_seen_at - interval '1 hour'")
    assert admin.execute("select jobs.terminate(%s)", [session.id]).fetchone() == (False,)
    admin.execute("update jobs.session set last_seen_at = now()")
    assert admin.execute("select jobs.terminate(%s)", [session.id]).fetchone() == (True,)


def test_who_is_a_worker(db: Database) -> None:
    made, given = "create role somebody login", "grant onewriter_worker to somebody"
    assert not is_worker(db, made)
    assert is_worker(db, made, given)
    assert is_worker(db, made + " noinherit", given)
    assert is_worker(
        db, made, "create role bundle", "grant onewriter_worker to bundle", "grant bundle to somebody"
    )
    assert not is_worker(db, made + " superuser", given)
    assert not is_worker(db, made, given, "grant onewriter_api to somebody")
    assert not is_worker(db, login="nobody_at_all")


def test_who_may_only_administer_workers_is_none(db: Database) -> None:
    if db.server.major < 16:
        pytest.skip("a membership has no options before 16")
    options = "with admin true, inherit false, set false"
    assert not is_worker(db, "create role somebody login", f"grant onewriter_worker to somebody {options}")


def test_a_cursor_held_after_its_commit_holds_nobody_back(db: Database) -> None:
    """It is a file of its session's own: no snapshot, no lock, so no limit passes."""
    worker = db.connect("worker", autocommit=False)
    enqueue(db.connect("server"), job())
    worker.execute("declare held cursor with hold for select g from generate_series(1, 1000) as g")
    worker.commit()
    admin = db.connect("admin")
    held = admin.execute(
        """select backend_xmin, backend_xid, xact_start from pg_stat_activity where pid = %s
           union all select null, null, null from pg_locks where pid = %s and locktype <> 'virtualxid'""",
        [worker.info.backend_pid] * 2,
    ).fetchall()
    assert held == [(None, None, None)]
    assert look(db) == {"ended": [], "next": 5}
    assert worker.execute("fetch 1 from held").fetchone() == (1,)
