"""Each alert appears when it should and goes when it may; all of them stay cheap behind a long history."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from app.schema.logins import GUARDS, KINDS, MIGRATOR
from tests.support.cluster import Database, Server, clone, login_name
from tests.support.protocol import Session, enqueue, expire_lease, job, rescue

pytestmark = pytest.mark.pg15(soak=True)

COLUMNS = "alert, severity, since, value, threshold, detail, remedy"


def alerts(conn: psycopg.Connection[Any]) -> dict[str, dict[str, Any]]:
    """By name."""
    rows = conn.execute(f"select {COLUMNS} from inspect.alerts".encode()).fetchall()
    return {row[0]: dict(zip(COLUMNS.split(", "), row, strict=True)) for row in rows}


@contextmanager
def pretending(db: Database, *statements: str) -> Iterator[dict[str, dict[str, Any]]]:
    """What a DBA is told while the superuser has changed a catalogue; it is rolled back."""
    with db.connect("admin", autocommit=False) as admin:
        for statement in statements:
            admin.execute(statement.encode())
        admin.execute(f"set local session authorization {login_name('dba')}".encode())
        yield alerts(admin)
        admin.rollback()


@contextmanager
def running(db: Database) -> Iterator[None]:
    """A leader and a janitor, as far as alerts can see them."""
    with db.connect("server") as leader, db.connect("janitor"):
        assert leader.execute("select server_api.elect('scheduler')").fetchone() == (True,)
        yield


def test_all_is_well(db: Database) -> None:
    session = Session(db)
    enqueue(db.connect("server"), job())
    session.claim()
    with running(db):
        assert alerts(db.connect("dba")) == {}
        assert alerts(db.connect("server")) == {}


@pytest.mark.parametrize("role", ["worker", "producer", "janitor"])
def test_others_are_told_nothing(db: Database, role: str) -> None:
    conn = db.connect(role)
    for query in ("select * from inspect.alerts", "select * from inspect.active_alerts()",
                  "select * from jobs.alert_states()", "select server_api.metrics()"):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(query.encode())


def test_nobody_leads_and_nobody_ends(db: Database) -> None:
    dba = db.connect("dba")
    assert alerts(dba).keys() == {"no_scheduler", "no_janitor"}
    assert alerts(dba)["no_scheduler"]["severity"] == "critical"
    with running(db):
        assert alerts(dba) == {}
    db.connect("server").execute("select server_api.elect('another loop')")
    assert "no_scheduler" in alerts(dba)


def test_an_old_snapshot(db: Database) -> None:
    """Of any login; a minute has to pass, so the age is looked at one second before and after."""
    holder, admin = db.connect("worker", autocommit=False), db.connect("admin")
    holder.execute("set transaction isolation level repeatable read")
    holder.execute("select 1")

    def state() -> tuple[Any, ...]:
        row = admin.execute(
            "select since, value, threshold, remedy, active from jobs.alert_states()"
            " where alert = 'oldest_snapshot'"
        ).fetchone()
        assert row is not None
        return row

    since, value, threshold, remedy, active = state()
    began = admin.execute(
        "select xact_start from pg_stat_activity where pid = %s", [holder.info.backend_pid]
    ).fetchone()
    assert (since,) == began
    assert 0 < value < threshold == 60
    assert not active
    assert str(holder.info.backend_pid) in remedy
    admin.execute(faster_minute(admin))
    assert state()[-1]
    assert "oldest_snapshot" in alerts(db.connect("dba"))
    holder.rollback()
    assert "oldest_snapshot" not in alerts(db.connect("dba"))


def faster_minute(admin: psycopg.Connection[Any]) -> bytes:
    """The same function with a minute of no time at all."""
    row = admin.execute("select pg_get_functiondef('jobs.alert_states'::regproc)").fetchone()
    assert row is not None
    text = str(row[0])
    assert text.count("interval '60 s', false), s.since") == 1
    return text.replace("interval '60 s', false), s.since", "interval '0 s', false), s.since").encode()


@pytest.mark.parametrize(
    ("alert", "column", "newest"),
    [
        ("xid_age", "datfrozenxid", "pg_current_xact_id()::text::bigint"),
        ("multixact_age", "datminmxid", "mxid_age('1')"),
    ],
)
def test_ids_run_out(db: Database, alert: str, column: str, newest: str) -> None:
    """A database whose oldest id is 900 million old: twice autovacuum's own limit is passed."""
    circle = 2**32
    old = f"({newest} - 900000000 + {circle}) % {circle}"
    change = f"update pg_database set {column} = ({old})::text::xid where datname = current_database()"
    with pretending(db, change) as told:
        assert told[alert]["severity"] == "critical"
        assert told[alert]["value"] > told[alert]["threshold"] >= 400_000_000
        assert f"the database {db.name} is" in told[alert]["detail"]
    assert alert not in alerts(db.connect("dba"))


def test_a_login_of_another_database_drifts_from_nothing(db: Database) -> None:
    """Roles are the cluster's, and their settings are per database."""
    admin, name = db.connect("admin"), f"elsewhere_{db.name}"
    admin.execute(f"create role {name} login in role onewriter_worker".encode())
    try:
        assert "settings_drift" not in alerts(db.connect("dba"))
        admin.execute(f"alter role {name} in database {db.name} set jit = 'on'".encode())
        assert alerts(db.connect("dba"))["settings_drift"]["value"] > 0
    finally:
        admin.execute(f"drop role {name}".encode())


def test_settings_that_drifted(db: Database) -> None:
    worker, dba = login_name("worker"), login_name("dba")
    where = f"in database {db.name}"
    with pretending(
        db,
        f"alter role {worker} {where} set statement_timeout = 0",
        f"alter role {worker} {where} reset jit",
        f"alter role {dba} {where} set search_path = public",
    ) as told:
        assert told.keys() >= {"settings_drift"}
        assert told["settings_drift"]["value"] == 3
        detail, remedy = told["settings_drift"]["detail"], told["settings_drift"]["remedy"]
    assert f"{worker}: statement_timeout is 0, not {GUARDS['worker']['statement_timeout']}" in detail
    assert f"{worker}: jit is not set, not off" in detail
    assert f"{dba}: search_path is public, not inspect, operator_api, procrastinate" in detail
    assert "settings_drift" not in alerts(db.connect("dba"))
    with db.connect("admin", autocommit=False) as admin:
        admin.execute(f"alter role {worker} {where} set statement_timeout = 0".encode())
        admin.execute(f"alter role {dba} {where} set search_path = public".encode())
        for statement in re.findall(r"alter role [^;]*;", remedy):
            admin.execute(statement.encode())
        assert "settings_drift" not in alerts(admin), "the remedy mends it"
        admin.rollback()


def test_what_logins_should_have_set_is_what_they_are_made_with(db: Database) -> None:
    rows = db.connect("admin").execute("select role, setting, value from jobs.login_setting").fetchall()
    kinds = {role.removeprefix("onewriter_") for role, _, _ in rows}
    assert kinds == set(KINDS) - {MIGRATOR}
    assert ("onewriter_worker", "statement_timeout", GUARDS["worker"]["statement_timeout"]) in rows


def test_running_jobs_that_no_session_holds(db: Database) -> None:
    session, server, dba = Session(db), db.connect("server"), db.connect("dba")
    (job_id,) = enqueue(server, job())
    session.claim()
    assert "jobs_without_session" not in alerts(dba)
    db.connect("admin").execute("delete from jobs.session")
    told = alerts(dba)["jobs_without_session"]
    assert (told["severity"], told["value"]) == ("critical", 1)
    assert str(job_id) in told["detail"]
    rescue(server)
    assert "jobs_without_session" not in alerts(dba)


def test_a_lease_that_nobody_looked_at(db: Database) -> None:
    session, dba = Session(db), db.connect("dba")
    expire_lease(db, session)
    assert "sessions_overdue" not in alerts(dba), "a minute is the scheduler's"
    db.connect("admin").execute("update jobs.session set expires_at = expires_at - interval '61 s'")
    told = alerts(dba)["sessions_overdue"]
    assert told["value"] > told["threshold"] == 60
    assert "tests/worker" in told["detail"]
    rescue(db.connect("server"))
    assert "sessions_overdue" not in alerts(dba)


def test_backends_that_were_ended(db: Database) -> None:
    admin, dba = db.connect("admin"), db.connect("dba")
    worker = db.connect("worker")
    admin.execute(
        "select jobs.end_backend(pid, backend_start, 'lease') from pg_stat_activity where pid = %s",
        [worker.info.backend_pid],
    )
    assert login_name("worker") in alerts(dba)["backends_ended"]["detail"]
    admin.execute("update jobs.ended_backend set last_at = last_at - interval '16 min'")
    assert "backends_ended" not in alerts(dba)


def test_a_vacuum_is_no_old_snapshot(db: Database) -> None:
    """Its own snapshot holds no other vacuum back."""
    admin, vacuum = db.connect("admin"), db.connect("admin")
    enqueue(db.connect("server"), *[job() for _ in range(1000)])
    vacuum.execute("set vacuum_cost_delay = 100")
    vacuum.execute("set vacuum_cost_limit = 1")
    vacuum.pgconn.send_query(b"vacuum procrastinate.procrastinate_jobs")
    pid = vacuum.info.backend_pid
    begun = "select 1 from pg_stat_progress_vacuum where pid = %s"
    while not admin.execute(begun, [pid]).fetchone():
        vacuum.pgconn.consume_input()
        assert vacuum.pgconn.is_busy(), "it is over already"
    seen = db.connect("dba").execute("select 1 from inspect.snapshots where pid = %s", [pid]).fetchone()
    assert admin.execute(begun, [pid]).fetchone(), "it is over already"
    assert seen is None
    admin.execute("select pg_terminate_backend(%s, 10000)", [pid])


def test_both_read_no_table_whole(db: Database) -> None:
    """With a history of finished jobs, as the planner sees it with and without statistics."""
    admin = db.connect("admin")
    enqueue(db.connect("server"), *[job(queue=f"q{n % 5}", priority=n % 3) for n in range(100)])
    admin.execute(
        "insert into procrastinate.procrastinate_jobs (queue_name, task_name, status, finished_at)"
        " select 'q1', 'echo', 'succeeded', now() from generate_series(1, 20000)"
    )
    for query in ("select * from inspect.alerts", "select server_api.metrics()"):
        for statistics in (False, True):
            if statistics:
                admin.execute("vacuum analyze")
            nodes = list(scans(admin, query))
            touched = {node["Index Name"] for node in nodes if "Index Name" in node}
            assert "onewriter_held" in touched
            assert not [n for n in nodes if n["Node Type"] in ("Seq Scan", "Bitmap Heap Scan")], nodes
            assert sum(n["Actual Rows"] * n["Actual Loops"] for n in nodes) < 1000


def scans(admin: psycopg.Connection[Any], query: str) -> Iterator[dict[str, Any]]:
    """Each plan's nodes over the job table, of every statement that the query runs."""
    told: list[str] = []
    with psycopg.connect(admin.info.dsn, password=admin.info.password, autocommit=True) as conn:
        conn.add_notice_handler(lambda diagnostic: told.append(diagnostic.message_primary or ""))
        conn.execute("load 'auto_explain'")
        for setting in ("log_min_duration = 0", "log_nested_statements = on", "log_analyze = on",
                        "log_format = json"):  # fmt: skip
            conn.execute(f"set auto_explain.{setting}".encode())
        conn.execute("set client_min_messages = log")
        conn.execute(query.encode())
    for text in told:
        plan = json.loads(text[text.index("{") :])["Plan"]
        yield from (node for node in nodes_of(plan) if node.get("Relation Name") == "procrastinate_jobs")


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_of(child)


def test_counts_end_at_their_limit_and_the_oldest_is_exact(db: Database) -> None:
    admin, server = db.connect("admin"), db.connect("server")
    enqueue(server, job(queue="a", priority=-5))
    admin.execute("update procrastinate.procrastinate_jobs set created_at = created_at - interval '1 hour'")
    enqueue(server, *[job(queue="a", priority=n % 4) for n in range(30)], *[job(queue="b") for _ in range(3)])
    enqueue(server, *[job(queue="c", run_at="2999-01-01T00:00:00Z") for _ in range(30)])
    rows = admin.execute(
        "select queue, ready, scheduled, oldest_ready from jobs.queue_depths(10, 20)"
    ).fetchall()
    assert [row[:3] for row in rows] == [("a", 20, 0), ("b", 3, 0), ("c", 0, 20)]
    assert 3600 <= rows[0][3] < 3700, "behind higher priorities"
    assert rows[2][3] == 0
    assert len(admin.execute("select from jobs.queue_depths(2, 20)").fetchall()) == 2


def test_a_full_queue_of_notifications(own_cluster: tuple[Any, Any]) -> None:
    """On a server whose queue is small, as it can be made since 17."""
    cluster, _ = own_cluster
    if cluster.binaries.major < 17:
        pytest.skip("the queue's size can't be set before 17")
    cluster.stop()
    small = replace(cluster, settings={**cluster.settings, "max_notify_queue_pages": "64"})
    with clone(Server(small.start(), small.binaries.major), "full") as db:
        dba = db.connect("dba")
        listener = db.connect("worker", autocommit=False)
        listener.execute("listen x")
        listener.commit()
        listener.execute("select 1")
        assert "notification_queue" not in alerts(dba)
        for n in range(12):
            dba.execute(f"notify x, '{n:07000}'".encode())
        told = alerts(dba)["notification_queue"]
        assert told["value"] > told["threshold"] == 0.05
        listener.rollback()
        listener.execute("select 1")  # it has heard them
        listener.rollback()
        assert "notification_queue" not in alerts(dba)
