"""Among 100,000 flows, members, ends and causes nothing of flows reads far, with statistics and without."""

from typing import Any

import psycopg
import pytest

from app.queries.flows import _CHILDREN, _FLOWS, _MEMBERS
from tests.support.cluster import Database
from tests.support.plans import most_read
from tests.support.protocol import Session, enqueue, job

pytestmark = pytest.mark.pg15(soak=True)

ROWS = 100_000
JOBS = "procrastinate.procrastinate_jobs"
TABLES = (JOBS, "jobs.flow", "jobs.flow_member", "jobs.outbox", "jobs.cause")
# Each flow has a parent and one member, which has ended; each job has a cause. In front are ends of a
# consumer that stands still.
FILL = """
insert into procrastinate.procrastinate_jobs
      (queue_name, task_name, status, created_at, finished_at, cause_id)
select 'default', 'echo',
       case n % 10 when 1 then 'failed' else 'succeeded' end::procrastinate.procrastinate_job_status,
       now() - interval '1 day', now() - interval '1 day', n from generate_series(1, {0}) as n;
insert into jobs.cause (kind, parent_id, first_job, last_job)
select 'parent', n / 3 + 1, n, n from generate_series(1, {0}) as n;
insert into jobs.flow (kind, rule, parent_id, state, finished_at)
select case n % 2 when 0 then 'chain' else 'group' end, case n % 2 when 1 then 'all' end, n,
       case when n % 10 = 0 then 'running' else 'succeeded' end, now() from generate_series(1, {0}) as n;
insert into jobs.flow_member (flow_id, n, job_id, status, ended_at)
select n, 1, n, 'succeeded', now() from generate_series(1, {0}) as n;
insert into jobs.outbox (consumer, event, task, job_id, order_key, at)
select case when n > 50000 then 'flows' else 'handlers' end, 'succeeded', 'echo', n, 'flow ' || n, now()
  from generate_series(1, {0} - 10000) as n;
"""
# Rows that one node of a plan reads: a call takes 500 ends.
MOST = 600


def calls(at: int) -> dict[str, tuple[str, Any]]:
    """What the scheduler, retention, people and the API ask for, around this job."""
    return {
        "advance": ("select server_api.advance_flows()", []),
        "advance behind": ("select server_api.advance_flows(%s)", [60_000 + at]),
        "cancel": ("select server_api.cancel(%s, 'me', null, true)", [at]),
        "retry": ("select server_api.retry(%s, 'me', null)", [at + 1]),
        "erase": (
            "select server_api.prune_jobs(%s, 100, '1 min', '1 min', '1 min', '1 min')",
            [90_000 + at],
        ),
        "children": (_CHILDREN, [at, 0, 50]),
        "members": (_MEMBERS, [at, 0, 500]),
        "flow": (_FLOWS.format("id = %(id)s"), {"id": at, "limit": 1}),
        "flows of a parent": (_FLOWS.format("parent_id = %(id)s"), {"id": at, "limit": 500}),
    }


def filled(db: Database) -> psycopg.Connection[Any]:
    admin = db.connect("admin")
    for table in TABLES:
        admin.execute(f"alter table {table} set (autovacuum_enabled = off)".encode())
    admin.execute(FILL.format(ROWS).encode())
    return admin


def read(db: Database, role: str, run: str, params: Any) -> dict[str, float]:
    with psycopg.connect(db.dsn("admin"), autocommit=True) as conn:
        return most_read(conn, role, run, params)


def ending(db: Database) -> tuple[str, list[Any]]:
    """An exchange that ends a hundred members."""
    session = Session(db)
    ids = enqueue(db.connect("server"), *[job(priority=9) for _ in range(100)])
    query = "insert into jobs.flow_member (flow_id, n, job_id) select 10, i, i from unnest(%s::bigint[]) as i"
    db.connect("admin").execute(query, [ids])
    held = session.claim(100)
    claims = [item["claim_no"] for item in held]
    end = "select worker_api.exchange(%s, %s, %s, %s, null, null, null, null, null, 0, 0, true, null)"
    return end, [session.id, session.secret, [item["id"] for item in held], claims]


def test_nothing_of_flows_reads_a_table_through(db: Database) -> None:
    admin = filled(db)
    for at in (600, 700):
        for name, (run, params) in {**calls(at), "end": ending(db)}.items():
            found = read(db, "worker" if name == "end" else "server", run, params)
            assert found, name
            assert {text: rows for text, rows in found.items() if rows > MOST} == {}, (name, at)
        admin.execute("analyze")
