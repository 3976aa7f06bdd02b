"""The hot statements take the index they were written for, with and without statistics.

Three times a batch join went quadratic in a prototype; a plan is therefore part of the contract.
"""

from typing import Any

import psycopg
import pytest

from tests.support.cluster import Database
from tests.support.plans import nested_plans
from tests.support.protocol import Session, done, enqueue, job

pytestmark = pytest.mark.pg15

ROWS = 20_000


def filled(db: Database, statistics: bool) -> psycopg.Connection[Any]:
    admin = db.connect("admin")
    admin.execute("alter table procrastinate.procrastinate_jobs set (autovacuum_enabled = off)")
    admin.execute(
        "insert into procrastinate.procrastinate_jobs"
        " (queue_name, task_name, status, finished_at, gate, scheduled_at)"
        " select 'q' || n %% 7, 'echo',"
        " case when n %% 3 = 0 then 'todo' else 'succeeded' end::procrastinate.procrastinate_job_status,"
        " case when n %% 3 <> 0 then now() end,"
        " case when n %% 9 = 0 then 2 else 0 end, case when n %% 9 = 0 then now() + interval '1 day' end"
        " from generate_series(1, %s) as n",
        [ROWS],
    )
    if statistics:
        admin.execute("analyze")
    return admin


def plans(admin: psycopg.Connection[Any], session: Session, run: str) -> dict[str, list[str]]:
    """For each statement of one call on the job table, its plan's lines."""
    return nested_plans(admin, "worker", run, [session.id, session.secret], "procrastinate_jobs")


@pytest.mark.parametrize("statistics", [True, False], ids=["analyzed", "never analyzed"])
@pytest.mark.parametrize("queues", [None, ["q1"], ["q1", "q2"]], ids=["all", "one", "two"])
def test_a_claim_reads_its_index_and_nothing_else(
    db: Database, statistics: bool, queues: list[str] | None
) -> None:
    admin = filled(db, statistics)
    session = Session(db, queues=queues)
    nothing = ", ".join(["null"] * 7)
    found = plans(admin, session, f"select worker_api.exchange(%s, %s, {nothing}, 50, 50, false, null)")
    assert found
    lines = [line for plan in found.values() for line in plan]
    assert not [line for line in lines if line.startswith(("Seq Scan on procrastinate_jobs", "Bitmap"))], (
        lines
    )
    scans = {
        line.split(" using ")[1].split(" on ")[0]
        for line in lines
        if "procrastinate_jobs" in line and " using " in line
    }
    ready = "onewriter_ready" if queues is None else "onewriter_ready_by_queue"
    assert ready in scans
    assert scans <= {ready, "procrastinate_jobs_pkey", "onewriter_attention", "onewriter_due"}
    ordered = next(plan for text, plan in found.items() if f"using {ready} " in text)
    assert not [line for line in ordered if line.startswith("Sort")], ordered


@pytest.mark.parametrize("statistics", [True, False], ids=["analyzed", "never analyzed"])
def test_a_settle_finds_its_rows_by_id_in_one_pass(db: Database, statistics: bool) -> None:
    admin = filled(db, statistics)
    session = Session(db)
    enqueue(db.connect("server"), *[job(priority=9) for _ in range(100)])
    held = session.claim(100)
    ids, claims = [item["id"] for item in held], [item["claim_no"] for item in held]
    call = f"array{ids}::bigint[], array{claims}, null, null, null, null, null, 0, 0, true, null"
    found = plans(admin, session, f"select worker_api.exchange(%s, %s, {call})")
    (settle,) = [
        plan for query, plan in found.items() if "attempts = j.attempts + 1, abort_requested" in query
    ]
    assert any(line.startswith("Index Scan using procrastinate_jobs_pkey") for line in settle), settle
    assert any(line.startswith("Hash Join") for line in settle), settle
    assert not [
        line for line in settle if line.startswith(("Nested Loop", "Merge Join", "Seq Scan on procrastinate"))
    ]


def test_a_claim_costs_the_same_behind_a_large_history(db: Database) -> None:
    """Counted in pages touched, since a time means nothing on a shared machine."""
    admin = db.connect("admin")
    session = Session(db)

    def pages() -> int:
        enqueue(db.connect("server"), *[job() for _ in range(10)])
        admin.execute("select pg_stat_force_next_flush()")
        before = _buffers(session)
        held = session.claim(10)
        after = _buffers(session)
        session.exchange(done=[done(item) for item in held])
        return after - before

    [pages() for _ in range(5)]  # plans and catalogue caches
    small = min(pages() for _ in range(5))
    admin.execute(
        "insert into procrastinate.procrastinate_jobs (queue_name, task_name, status, finished_at)"
        " select 'default', 'echo', 'succeeded', now() from generate_series(1, 200000)"
    )
    admin.execute("vacuum analyze procrastinate.procrastinate_jobs")
    [pages() for _ in range(5)]
    assert min(pages() for _ in range(5)) <= small * 2


def _buffers(session: Session) -> int:
    """Shared buffers that this backend has looked at so far (cumulative, flushed at once)."""
    connection = session.connection
    connection.execute("select pg_stat_force_next_flush()")
    row = connection.execute(
        "select sum(heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit) from pg_statio_user_tables"
        " where relname = 'procrastinate_jobs'"
    ).fetchone()
    assert row is not None
    return int(row[0])
