"""With 100,000 ends waiting a consumer takes its hundred by index, however they are ordered."""

import itertools
import json
from typing import Any

import psycopg
import pytest

from tests.support.cluster import Database
from tests.support.consumer import EVERY, publish
from tests.support.plans import nested_plans
from tests.support.protocol import enqueue, job

pytestmark = pytest.mark.pg15(soak=True)

WAITING = 100_000
PAIRS = "'handlers', '{*}', '{*}'"
CALLS = (
    (f"select server_api.take_events({PAIRS}, 100)", "handler"),
    (f"select server_api.next_event({PAIRS})", "handler"),
    ("select server_api.acknowledge_events(%s)", "handler"),
    ("select server_api.delay_event(7, 'boom', 10)", "handler"),
    ("select * from server_api.dead_letter where consumer = 'handlers' order by id limit 50", "server"),
    ("select server_api.metrics()", "server"),
)


def filled(db: Database, ends: int) -> psycopg.Connection[Any]:
    """Three quarters of jobs alone, the others of 50 keys; some are delayed, some are dead."""
    publish(db, EVERY)
    (job_id,) = enqueue(db.connect("server"), job(delay=60))
    admin = db.connect("admin")
    admin.execute("alter table jobs.outbox set (autovacuum_enabled = off)")
    admin.execute(
        "insert into jobs.outbox"
        " (consumer, event, task, job_id, order_key, at, attempts, next_at, parked_at)"
        " select 'handlers', 'succeeded', 'echo', %s,"
        " case n %% 4 when 0 then 'key ' || n %% 50 else 'job ' || n end, now(), 0,"
        " case when n %% 10 = 1 then now() + make_interval(secs => n %% 100 - 50) end,"
        " case when n %% 10 = 3 then now() end from generate_series(1, %s) as n",
        [job_id, ends],
    )
    return admin


def test_no_statement_reads_the_outbox_in_sequence(db: Database) -> None:
    admin = filled(db, WAITING)
    for statistics, (call, role) in itertools.product((False, True), CALLS):
        if statistics:
            admin.execute("analyze jobs.outbox")
        acks = [{"id": n} for n in range(100 + 5 * statistics, 300, 10)]
        params = [json.dumps(acks)] if "%s" in call else []
        with psycopg.connect(db.dsn("admin"), autocommit=True) as conn:
            found = nested_plans(conn, role, call, params, "outbox")
        assert found, call
        lines = [line for plan in found.values() for line in plan if "outbox" in line]
        assert lines, call
        wrong = [line for line in lines if line.startswith(("Seq Scan", "Bitmap", "Parallel"))]
        assert wrong == [], (call, found)


def test_ends_are_recorded_by_id(db: Database) -> None:
    """The jobs by their key, a subscription by its own: one look each, whatever else is in the tables."""
    admin = filled(db, 1000)
    admin.execute(
        "insert into procrastinate.procrastinate_jobs (queue_name, task_name, status, finished_at)"
        " select 'default', 'echo', 'cancelled', now() from generate_series(1, 20000)"
    )
    ids = enqueue(db.connect("server"), *[job() for _ in range(3)])
    with psycopg.connect(db.dsn("admin"), autocommit=True) as conn:
        run = "select server_api.cancel(%s, 'me', null)"
        found = nested_plans(conn, "server", run, [ids[0]], "insert into jobs.outbox")
    (lines,) = found.values()
    assert "Index Scan using procrastinate_jobs_pkey" in str(lines)
    assert "using subscription_pkey" in str(lines)
    assert not [line for line in lines if line.startswith(("Seq Scan", "Bitmap", "Hash Join", "Merge Join"))]
