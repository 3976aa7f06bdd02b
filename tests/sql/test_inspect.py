"""What a DBA sees at a glance: dead rows, vacuums, and what holds vacuum back."""

import psycopg
import pytest

from app.schema.roles import SCHEMAS
from tests.support.cluster import Database
from tests.support.protocol import enqueue, job

pytestmark = pytest.mark.pg15(soak=True)

SNAPSHOTS = "select kind, pid, login, application, state, held_back, remedy from inspect.snapshots"


def held_by(dba: psycopg.Connection, pid: int) -> tuple[object, ...] | None:
    return dba.execute(SNAPSHOTS + " where pid = %s", [pid]).fetchone()


@pytest.mark.parametrize("role", ["worker", "admin", "producer"])
def test_an_open_snapshot_of_any_login_is_seen(db: Database, role: str) -> None:
    """Also under hardening, which hides other sessions from everybody, and without being a superuser."""
    dba, holder = db.connect("dba"), db.connect(role, autocommit=False, application_name="report")
    holder.execute("set transaction isolation level repeatable read")
    holder.execute("select 1")
    pid = holder.info.backend_pid
    found = held_by(dba, pid)
    login = "postgres" if role == "admin" else f"onewriter_test_{role}"
    assert found is not None
    assert found[:5] == ("session", pid, login, "report", "idle in transaction")
    assert found[6] == f"select pg_terminate_backend({pid});"
    before = int(str(found[5]))
    enqueue(db.connect("server"), job())
    again = held_by(dba, pid)
    assert again is not None
    assert int(str(again[5])) > before
    age = dba.execute("select age > interval '0' from inspect.snapshots where pid = %s", [pid]).fetchone()
    assert age == (True,)
    holder.rollback()
    assert held_by(dba, pid) is None


def test_the_oldest_comes_first_and_who_asks_is_not_among_them(db: Database) -> None:
    dba = db.connect("dba", autocommit=False)
    holders = []
    for _ in range(3):
        holder = db.connect("worker", autocommit=False)
        holder.execute("set transaction isolation level repeatable read")
        holder.execute("select 1")
        holders.append(holder.info.backend_pid)
        enqueue(db.connect("server"), job())
    pids = [pid for (pid,) in dba.execute("select pid from inspect.snapshots").fetchall()]
    assert [pid for pid in pids if pid in holders] == holders
    assert dba.info.backend_pid not in pids


def test_dead_rows_and_sizes_of_our_tables(db: Database) -> None:
    server, admin, dba = db.connect("server"), db.connect("admin"), db.connect("dba")
    enqueue(server, *[job() for _ in range(100)])
    admin.execute("update procrastinate.procrastinate_jobs set priority = 1")
    admin.execute("select pg_stat_force_next_flush()")
    admin.execute("select 1")
    query = (
        "select dead_rows, dead_percent, last_vacuum from inspect.tables"
        " where name = 'procrastinate.procrastinate_jobs'"
    )
    row = dba.execute(query).fetchone()
    assert row is not None
    assert row[0] >= 100
    assert row[1] >= 50
    admin.execute("vacuum procrastinate.procrastinate_jobs")
    row = dba.execute(query).fetchone()
    assert row is not None
    assert row[0] == 0
    assert row[2] is not None


def test_every_table_of_ours_is_there(db: Database) -> None:
    tables = db.connect("admin").execute(
        "select n.nspname || '.' || relname from pg_class join pg_namespace n on n.oid = relnamespace"
        " where relkind = 'r' and n.nspname = any(%s)",
        [list(SCHEMAS)],
    )
    seen = db.connect("dba").execute("select name from inspect.tables").fetchall()
    assert sorted(seen) == sorted(tables.fetchall())


@pytest.mark.parametrize("role", ["worker", "producer", "janitor"])
def test_others_see_none_of_it(db: Database, role: str) -> None:
    conn = db.connect(role)
    for query in (
        "select * from inspect.tables",
        "select * from inspect.snapshots",
        "select * from inspect.open_snapshots()",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(query.encode())


def test_hot_tables_are_vacuumed_early(db: Database) -> None:
    """Autovacuum's defaults wait for a fifth of the table; what a claim steps over is dead by then."""
    rows = db.connect("admin").execute(
        "select relname, array(select unnest(reloptions) order by 1) from pg_class"
        " where reloptions is not null and relkind = 'r' and relnamespace = any(%s::text[]::regnamespace[])",
        [["procrastinate", "jobs"]],
    )
    options = {
        name: {option for option in given if "autovacuum" in option} for name, given in rows.fetchall()
    }
    early, eager = "autovacuum_vacuum_scale_factor=0.02", "autovacuum_vacuum_cost_delay=0"
    assert {early, eager} <= options["procrastinate_jobs"]
    for emptied in ("outbox", "session", "late_results"):
        assert "autovacuum_vacuum_scale_factor=0" in options[emptied]
    for pruned in ("attempt", "cause", "job_event", "job_detail", "idempotency"):
        assert "autovacuum_vacuum_scale_factor=0.05" in options[pruned]
