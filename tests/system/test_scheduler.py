"""The scheduler's loops against a real database, as the server's login."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from app.scheduler import expiry, flows, registry, rescue, schedules
from app.scheduler.election import Leadership
from app.scheduler.main import run_until
from app.scheduler.registry import make_checks
from app.scheduler.retention import Ages, Retention
from app.scheduler.schedules import Schedules
from app.settings import Settings
from tests.support.cluster import Database

pytestmark = pytest.mark.timeout(60)
CATALOGUE = '{"catalogue": 1, "tasks": [{"name": "echo", "schema": {}}]}'


@asynccontextmanager
async def scheduler(db: Database) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_until(stop, Settings(_env_file=None, database_url=db.dsn("server"))))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], Awaitable[Any]], *, seconds: float = 20.0) -> Any:
    """The first true answer. Asks the database again and again; nothing waits for a fixed time."""
    async with asyncio.timeout(seconds):
        while not (answer := await condition()):  # noqa: ASYNC110 (the condition is in the database)
            await asyncio.sleep(0.01)
        return answer


async def value(conn: psycopg.AsyncConnection[Any], query: str, *values: Any) -> Any:
    row = await (await conn.execute(query.encode(), values)).fetchone()
    return row[0] if row else None


async def enqueued(db: Database, arguments: str = "") -> int:
    server = await db.aconnect("server")
    await server.execute("select server_api.publish_tasks('here', %s, 'test')", [CATALOGUE])
    return int(await value(server, f"select server_api.enqueue('echo' {arguments})"))


async def claimed(db: Database, lease: int = 300) -> psycopg.AsyncConnection[Any]:
    """A worker that has claimed and begun what waits."""
    worker = await db.aconnect("worker")
    session = await value(worker, "select worker_api.open(null, 'w', %s)", lease)
    answer = await value(
        worker,
        "select worker_api.exchange(%s, %s, null, null, null, null, null, null, null, 1, 1, true, null)",
        session["session"],
        session["secret"],
    )
    assert json.loads(answer)["jobs"]
    return worker


async def end_leases(db: Database) -> None:
    """As if the time had passed."""
    admin = await db.aconnect("admin")
    await admin.execute("update jobs.session set expires_at = clock_timestamp()")
    await admin.execute("notify ow_sched")


async def status(db: Database, job: int) -> str:
    async with await db.aconnect("server") as conn:
        return str(await value(conn, "select status from server_api.job where id = %s", job))


async def is_status(db: Database, job: int, wanted: str) -> bool:
    return await status(db, job) == wanted


async def test_the_jobs_of_a_lost_worker_are_given_back_and_signalled(db: Database) -> None:
    job = await enqueued(db)
    await claimed(db)
    listener = await db.aconnect("worker2")
    await listener.execute("listen ow_any")
    async with scheduler(db):
        await end_leases(db)
        await until(lambda: is_status(db, job, "ready"))
        async for notify in listener.notifies(timeout=20, stop_after=1):
            assert notify.channel == "ow_any"
            break
        else:
            pytest.fail("nobody was signalled")


async def test_a_job_that_nobody_started_in_time_fails(db: Database) -> None:
    job = await enqueued(db, ", expires_at => clock_timestamp() + interval '0.3 s'")
    async with scheduler(db):
        await until(lambda: is_status(db, job, "failed"))


async def test_one_of_two_leads_and_the_other_takes_over(db: Database) -> None:
    first, second = Leadership(db.dsn("server")), Leadership(db.dsn("server"), retry=(0.01, 0.02))
    conn = await first.connection()
    waiting = asyncio.create_task(second.connection())
    await asyncio.sleep(0)
    assert first.leading
    assert await first.connection() is conn  # asked once, kept
    admin = await db.aconnect("admin")
    asked = """select count(*) from pg_stat_activity where query like '%%elect%%'
               and datname = current_database() and pid <> pg_backend_pid()"""
    await until(lambda: _more_than(admin, asked, 1))
    assert not waiting.done()
    await admin.execute("select pg_terminate_backend(%s)", [conn.info.backend_pid])
    assert await waiting is await second.connection()
    await asyncio.gather(first.close(), second.close())


async def test_a_cut_connection_is_made_again(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    job = await enqueued(db)
    await claimed(db)
    admin = await db.aconnect("admin")
    theirs = """from pg_stat_activity where application_name like 'onewriter scheduler%%'
                and datname = current_database()"""
    async with scheduler(db):
        await until(lambda: value(admin, f"select count(*) = 2 {theirs}"))
        await admin.execute(f"select pg_terminate_backend(pid) {theirs}".encode())
        await end_leases(db)
        await until(lambda: is_status(db, job, "ready"))
    assert len([r for r in caplog.records if "rescue failed" in r.getMessage()]) <= 1


async def test_an_idle_minute_costs_few_statements(db: Database) -> None:
    """With one worker open that beats every 5 s under a lease of 15 s."""
    await enqueued(db)
    server = await db.aconnect("server")
    worker = await db.aconnect("worker")
    await value(worker, "select worker_api.open(null, 'w', 15)")
    lease_left = await rescue.run_once(server)
    assert lease_left is not None
    assert 14 < lease_left <= 15.1
    # A lease seen in the middle has at least 15 - 5 s left.
    rescues = 60 / min(lease_left - 5, rescue.LONGEST)
    expiries = 60 / (await expiry.run_once(server) or expiry.LONGEST)
    settings = Settings(_env_file=None)
    retention = Retention(Ages.of(settings))
    walks = 60 / await retention.run_once(server)
    checks = 0.0
    for loop in make_checks(settings):
        await loop.run_once(server)  # the worker becomes active
    for loop in make_checks(settings):
        checks += 60 / (await loop.run_once(server) or registry.LONGEST)
    firing = 2 * 60 / (await Schedules().run_once(server) or schedules.LONGEST)
    advances = 60 / (await flows.run_once(server) or flows.LONGEST)
    assert rescues + expiries + 4 * walks + checks + firing + advances <= 15.5


async def test_nothing_to_do_says_so(db: Database) -> None:
    server = await db.aconnect("server")
    assert await rescue.run_once(server) is None
    assert await expiry.run_once(server) is None


async def test_the_process_stops_at_sigterm(db: Database) -> None:
    """A whole `onewriter scheduler`, as a service manager runs it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from app.cli.main import main; main()",
        "scheduler",
        env={**os.environ, "ONEWRITER_DATABASE_URL": db.dsn("server")},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(30):
        said = b""
        while b"leading" not in said:
            said = await process.stderr.readline()
            assert said, "it ended by itself"
        process.send_signal(signal.SIGTERM)
        _, rest = await process.communicate()
    assert process.returncode == 0, rest.decode()


async def _more_than(conn: psycopg.AsyncConnection[Any], query: str, count: int) -> bool:
    return bool(await value(conn, query) > count)
