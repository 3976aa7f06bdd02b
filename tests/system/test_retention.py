"""The scheduler's retention loop against a real database, as the server's login."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from app.scheduler import retention
from app.scheduler.main import make_loops
from app.scheduler.retention import FEWEST, LATEST, Ages, Retention
from app.scheduler.schedules import Schedules
from app.settings import Settings
from tests.support.cluster import Database
from tests.system.test_scheduler import scheduler, until, value

pytestmark = pytest.mark.timeout(60)
COUNT = "select count(*) from procrastinate.procrastinate_jobs"


def retaining(**settings: Any) -> Retention:
    return Retention(Ages.of(Settings(_env_file=None, **settings)))


async def ended(db: Database, count: int, age: timedelta = timedelta(days=8)) -> psycopg.AsyncConnection[Any]:
    """That many jobs that succeeded so long ago; as superuser, since thousands of runs take a while."""
    admin = await db.aconnect("admin")
    await admin.execute(
        "insert into procrastinate.procrastinate_jobs"
        " (queue_name, task_name, status, created_at, finished_at)"
        " select 'q', 'echo', 'succeeded', now() - %(age)s, now() - %(age)s"
        " from generate_series(1, %(count)s)",
        {"age": age, "count": count},
    )
    await admin.execute(
        "insert into jobs.attempt (job_id, claim_no, attempt, status, finished_at)"
        " select id, 0, 1, 'retried', created_at from procrastinate.procrastinate_jobs"
    )
    return admin


async def test_a_walk_prunes_all_that_is_old_and_says_how_much(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    admin = await ended(db, 2500)
    await admin.execute(
        "insert into jobs.idempotency (api_key, key, hash, created_at) select 1, n::text, 'h',"
        " now() - interval '25 hours' from generate_series(1, 1500) as n"
    )
    await admin.execute(
        "insert into jobs.worker (name, status, changed_at, versions)"
        " values ('old/one', 'offline', now() - interval '31 days', '{}'),"
        " ('new/one', 'offline', now() - interval '29 days', '{}')"
    )
    await admin.execute(
        "insert into jobs.schedule_run (schedule, trigger, state, planned_at, finished_at)"
        " select 'gone', 'cron', 'skipped', d, d from unnest(array[now() - interval '91 days',"
        " now() - interval '89 days']) as d"
    )
    await admin.execute("set session_replication_role = replica")
    await admin.execute("select jobs.record_audit('me', 'test', 'x', null) from generate_series(1, 9)")
    await admin.execute("update jobs.audit set at = now() - make_interval(days => 370 - id::integer)")
    server = await db.aconnect("server")
    assert await retaining().run_once(server) == LATEST
    assert await value(admin, COUNT) == 0
    assert await value(admin, "select count(*) from jobs.attempt") == 0
    assert await value(admin, "select count(*) from jobs.idempotency") == 0
    assert await value(admin, "select count(*) from jobs.audit") == 4 + 1, "and a line that says so"
    assert await value(admin, "select name from server_api.worker") == "new/one"
    assert await value(admin, "select count(*) from jobs.schedule_run") == 1
    assert [r.getMessage() for r in caplog.records] == [
        "pruned 2500 jobs, 1500 answers, 1 workers, 1 runs, 5 lines of the audit"
    ]


async def test_an_idle_walk_is_six_statements_and_silent(
    db: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    await ended(db, 3000, timedelta(days=6))
    asked = []

    async def counted(_: Any, query: str, *params: Any) -> Any:
        asked.append(query)
        return await call(server, query, *params)

    call = retention.call
    monkeypatch.setattr(retention, "call", counted)
    server = await db.aconnect("server")
    assert await retaining().run_once(server) == LATEST
    assert len(asked) == 6
    assert not caplog.records


async def test_for_ever_asks_for_nothing(db: Database) -> None:
    admin = await ended(db, 10, timedelta(days=9999))
    never = dict.fromkeys(Settings.model_fields, "never")
    ages = {name: value for name, value in never.items() if name.startswith("prune_")}
    server = await db.aconnect("server")
    await retaining(**ages).run_once(server)
    assert await value(admin, COUNT) == 10


async def test_heavy_rows_make_small_steps(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await ended(db, 200)
    monkeypatch.setattr(retention, "SWIFT", 0.0)
    steps = []

    async def counted(conn: Any, query: str, *params: Any) -> Any:
        answer = await call(conn, query, *params)
        steps.append(answer)
        return answer

    call = retention.call
    monkeypatch.setattr(retention, "call", counted)
    await retaining().run_once(await db.aconnect("server"))
    assert await value(admin, COUNT) == 0
    assert {step["pruned"] for step in steps if isinstance(step, dict)} <= {FEWEST, 0}


async def test_what_stays_is_looked_at_more_rarely_the_more_there_is(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ended(db, 100, timedelta(days=8))
    monkeypatch.setattr(retention, "SPARING", 1e9)
    server = await db.aconnect("server")
    assert await retaining(prune_succeeded_after="9d", prune_failed_after="1d").run_once(server) > LATEST


async def test_of_two_schedulers_one_prunes(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await ended(db, 500)
    pruners = set()

    async def seen(conn: Any, query: str, *params: Any) -> Any:
        pruners.add(conn.info.backend_pid)
        return await call(conn, query, *params)

    call = retention.call
    monkeypatch.setattr(retention, "call", seen)
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(scheduler(db))
        await until(lambda: value(admin, f"select ({COUNT}) = 0"))
        scheduling = """select count(*) from pg_stat_activity where application_name = 'onewriter scheduler'
                        and datname = current_database()"""
        await until(lambda: value(admin, f"select ({scheduling}) = 2"))
    assert len(pruners) == 1


async def test_a_lost_connection_in_the_middle_loses_nothing(db: Database) -> None:
    admin = await ended(db, 3000)
    theirs = """from pg_stat_activity where application_name = 'onewriter scheduler'
                and datname = current_database()"""
    async with scheduler(db):
        await until(lambda: value(admin, f"select ({COUNT}) < 3000"))
        await admin.execute(f"select pg_terminate_backend(pid) {theirs}".encode())
        await until(lambda: value(admin, f"select ({COUNT}) = 0"))
    orphans = "select count(*) from jobs.attempt"
    assert await value(admin, orphans) == 0


async def test_a_signal_does_not_wake_it() -> None:
    """NOTIFY cannot be forbidden, and a walk over many jobs that stay is not free."""
    loops = make_loops(Settings(_env_file=None), Schedules(), None)
    channels = {loop.name: loop.channel for loop in loops}
    assert channels.pop("retention") is None
    assert all(channels.values())


async def test_it_rests_after_each_step(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await ended(db, 300)
    slept: list[float] = []
    sleep = asyncio.sleep

    async def sleeping(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", sleeping)
    await retaining().run_once(await db.aconnect("server"))
    assert len(slept) >= 5
    assert min(slept) > 0
