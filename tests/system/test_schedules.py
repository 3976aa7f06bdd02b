"""Schedules end to end: a real scheduler fires them, real workers run their jobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest

from app.scheduler.main import run_until
from app.scheduler.schedules import STALE, Schedules
from app.settings import Settings
from tests.support.cluster import Database
from tests.support.ledger import account
from tests.support.processes import SILENT, Process
from tests.support.stage import Row, Stage

pytestmark = pytest.mark.timeout(90)
# Generous: what it rules out is that something waits for the net of an hour, or for another fire.
SOON = 5.0
ADD = {"target": {"task": "sample.add"}, "args": {"a": 1}}
TASKS = ("sample.add", "sample.nap", "sample.waits_for")


@pytest.fixture
def worker(stage: Stage) -> Process:
    """Only signals reach it in time."""
    return stage.worker("-c", "5", **SILENT)


def publish(db: Database, source: str, *names: str) -> None:
    tasks = [{"name": name, "schema": {}} for name in names]
    catalogue = json.dumps({"catalogue": 1, "tasks": tasks})
    db.connect("server").execute("select server_api.publish_tasks(%s, %s, 'test')", [source, catalogue])


@pytest.fixture(autouse=True)
def _published(db: Database) -> None:
    publish(db, "here", *TASKS)


@contextmanager
def scheduling(db: Database) -> Iterator[None]:
    """A scheduler in a thread: all that the process does, without a second of starting it."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    settings = Settings(_env_file=None, database_url=db.dsn("server"))
    thread = Thread(target=loop.run_until_complete, args=[run_until(stop, settings)])
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def scheduler(db: Database) -> Iterator[None]:
    with scheduling(db):
        yield


def put(stage: Stage, name: str, **definition: Any) -> None:
    stage.server.execute(
        "select server_api.put_schedule(%s, %s, null, 'test', null, null)", [name, json.dumps(definition)]
    )


def run_now(stage: Stage, name: str, **args: Any) -> int:
    request = json.dumps({"actor": "test", "reason": "to see it run", "args": args or None})
    row = stage.server.execute("select server_api.request_run(%s, %s)", [name, request]).fetchone()
    assert row is not None
    return int(row[0]["run_id"])


def pause(stage: Stage, name: str) -> None:
    stage.server.execute("select server_api.pause_schedule(%s, 'test', null, null)", [name])


def runs(stage: Stage, name: str, **having: Any) -> list[Row]:
    """The oldest first."""
    rows = stage.rows("select * from server_api.schedule_run where schedule = %s order by id", name)
    return [row for row in rows if all(row[field] == value for field, value in having.items())]


def run(stage: Stage, run_id: int) -> Row:
    return stage.rows("select * from server_api.schedule_run where id = %s", run_id)[0]


def member_job(stage: Stage, run_id: int) -> Row:
    member = stage.rows("select job_id from server_api.schedule_member where run_id = %s", run_id)[0]
    return stage.job(member["job_id"])


def marks(stage: Stage, name: str) -> datetime:
    mark = stage.rows("select fired_until from server_api.schedule where name = %s", name)[0]["fired_until"]
    assert isinstance(mark, datetime)
    return mark


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_one_that_fires_every_second_has_its_jobs_run(stage: Stage, worker: Process) -> None:
    put(stage, "pulse", every=1, overlapping="allow", **ADD)
    since = marks(stage, "pulse")
    stage.scheduler()
    stage.until(lambda: len(runs(stage, "pulse", outcome="succeeded")) >= 3)
    pause(stage, "pulse")
    account(stage.db, since, since)
    done = runs(stage, "pulse", outcome="succeeded")
    print([row["started_at"] - row["planned_at"] for row in done])
    for row in done:
        assert timedelta() <= row["started_at"] - row["planned_at"] < timedelta(seconds=SOON)
        assert member_job(stage, row["id"])["status"] == "succeeded"


@pytest.mark.usefixtures("scheduler")
def test_a_change_takes_effect_at_once(stage: Stage) -> None:
    put(stage, "late", at=[in_seconds(7200)], **ADD)
    stage.until(lambda: stage.rows("select 1 from server_api.schedule where next_fire_at is not null"))
    put(stage, "late", at=[in_seconds(0.5)], **ADD)
    stage.until(lambda: runs(stage, "late", state="running"), SOON)
    put(stage, "new", at=[in_seconds(0.5)], **ADD)
    stage.until(lambda: runs(stage, "new", state="running"), SOON)


def test_a_killed_leader_doubles_and_misses_nothing(stage: Stage) -> None:
    put(stage, "all", every=1, missed="all", overlapping="allow", **ADD)
    put(stage, "once", every=1, overlapping="allow", **ADD)
    since = min(marks(stage, "all"), marks(stage, "once"))
    first = stage.scheduler()
    second = stage.processes.scheduler(stage.db.dsn("server"))
    stage.until(lambda: len(runs(stage, "all")) >= 2)
    first.kill()
    stage.until(lambda: "leading" in second.output(), 30)
    before = len(runs(stage, "all"))
    stage.until(lambda: len(runs(stage, "all")) > before + 1)
    assert account(stage.db, since, since) >= 8


@pytest.mark.usefixtures("scheduler", "worker")
def test_run_now_starts_within_a_moment(stage: Stage) -> None:
    put(stage, "yearly", cron="@yearly", **ADD)
    pause(stage, "yearly")
    run_id = run_now(stage, "yearly")
    stage.until(lambda: run(stage, run_id)["state"] == "finished", SOON)
    done = run(stage, run_id)
    assert (done["trigger"], done["outcome"], done["actor"]) == ("manual", "succeeded", "test")
    other = run_now(stage, "yearly", a=7)
    stage.until(lambda: run(stage, other)["outcome"] == "succeeded", SOON)
    assert stage.rows("select args from server_api.job order by id") == [
        {"args": {"a": 1}},
        {"args": {"a": 7}},
    ]
    print(done["started_at"] - done["requested_at"])


@pytest.mark.usefixtures("scheduler")
def test_a_task_is_known_as_soon_as_it_is_published(stage: Stage) -> None:
    put(stage, "early", cron="@yearly", overlapping="allow", target={"tasks": ["sample.says", "sample.add"]})
    assert faults(stage, run_now(stage, "early")) == ["unknown-task", None]
    publish(stage.db, "there", "sample.says")
    assert faults(stage, run_now(stage, "early")) == [None, None]


def faults(stage: Stage, run_id: int) -> list[str | None]:
    """Of the members of a run that has been started."""
    stage.until(lambda: run(stage, run_id)["state"] == "running", SOON)
    members = stage.rows("select error from server_api.schedule_member where run_id = %s order by n", run_id)
    return [row["error"] and row["error"]["error"] for row in members]


@pytest.mark.usefixtures("scheduler", "worker")
def test_a_queued_run_starts_when_the_one_before_has_ended(stage: Stage) -> None:
    file = stage.processes.folder / "go"
    target = {"target": {"task": "sample.waits_for"}, "args": {"file": str(file)}}
    put(stage, "queue", every=1, overlapping="queue", **target)
    stage.until(lambda: len(runs(stage, "queue", state="pending")) >= 2)
    first = runs(stage, "queue", state="running")
    assert len(first) == 1
    file.touch()
    stage.until(lambda: len(runs(stage, "queue", outcome="succeeded")) >= 3)
    done = runs(stage, "queue", outcome="succeeded")
    assert done[0]["id"] == first[0]["id"]
    for before, after in pairwise(done):
        assert before["finished_at"] <= after["started_at"]


@pytest.mark.usefixtures("scheduler", "worker")
def test_an_open_run_is_cancelled_for_the_next(stage: Stage) -> None:
    target = {"target": {"task": "sample.nap"}, "args": {"seconds": 600}}
    put(stage, "impatient", every=2, overlapping="cancel_running", **target)
    stage.until(lambda: len(runs(stage, "impatient", outcome="failed")) >= 2)
    for row in runs(stage, "impatient", outcome="failed"):
        assert member_job(stage, row["id"])["status"] in ("aborted", "cancelled")


@pytest.mark.usefixtures("scheduler")
def test_a_definition_that_is_none_harms_nobody(stage: Stage) -> None:
    """What psql takes and no scheduler can read is told by the schedule, and by a run that is asked for."""
    dba = stage.db.connect("dba")
    broken = {
        "cron": '"cron": "61 25 * * *"',
        "zone": '"cron": "* * * * *", "timezone": "Mars/Olympus"',
        "unknown": '"every": 60, "colour": "blue"',
    }
    for name, definition in broken.items():
        given = f'{{"target": {{"task": "sample.add"}}, {definition}}}'
        dba.execute("select operator_api.put_schedule(%s, %s, 'by hand')", [name, given])
    put(stage, "sound", every=1, **ADD)
    stage.until(lambda: runs(stage, "sound"))
    told = stage.rows("select name, plan_error from server_api.schedule where plan_error is not null")
    assert {row["name"] for row in told} == set(broken), told
    run_id = run_now(stage, "cron")
    stage.until(lambda: run(stage, run_id)["outcome"] == "failed", SOON)
    before = len(runs(stage, "sound"))
    stage.until(lambda: len(runs(stage, "sound")) > before)


REFUSED = """
    create function pg_temp.refuse() returns trigger language plpgsql as
        $$ begin raise check_violation using message = 'not this one'; end $$;
    create trigger refuse before insert on jobs.schedule_run
       for each row when (new.schedule = 's2') execute function pg_temp.refuse()"""


async def test_one_that_the_database_refuses_holds_up_no_other(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    admin, server = db.connect("admin"), await db.aconnect("server")
    admin.execute(REFUSED.encode())
    insert_planned(db, 3, datetime.now(UTC) - timedelta(seconds=1))
    firing = Schedules()
    for _ in range(2):
        assert await firing.run_once(server) == STALE
    fired = admin.execute("select schedule from jobs.schedule_run order by schedule").fetchall()
    assert fired == [("s1",), ("s3",)]
    assert [record.getMessage() for record in caplog.records] == ["a schedule is refused: not this one"]


PLANNED = """
    insert into jobs.schedule (name, origin, definition, created_by, updated_by, fired_until,
                               planned_revision, next_fire_at, next_wake_at)
    select 's' || n, 'api', %s, 'test', 'test', %s, 1, %s, %s from generate_series(1, %s) as n"""


def insert_planned(db: Database, count: int, at: datetime) -> None:
    """As the scheduler would have left them."""
    definition = json.dumps({"at": [at.isoformat()], **ADD})
    db.connect("admin").execute(PLANNED, [definition, at - timedelta(days=1), at, at, count])


def test_schedules_that_are_not_due_cost_nothing(stage: Stage) -> None:
    """10,000 of them, the next in two hours: one look when it starts, one when LISTEN stands, then none."""
    admin = stage.db.connect("admin")
    admin.execute(f'alter database "{stage.db.name}" set track_functions = "all"'.encode())
    insert_planned(stage.db, 10_000, datetime.now(UTC) + timedelta(hours=2))
    with scheduling(stage.db):
        sleep(2.0)  # what is observed is that nothing happens
    calls = dict(admin.execute("select funcname, calls from pg_stat_user_functions").fetchall())
    assert 1 <= calls["due_schedules"] <= 2
    assert calls["close_runs"] <= 2
    assert not {"plan_schedules", "fire_schedules", "start_runs"} & set(calls)


async def test_a_thousand_that_are_due_fire_in_one_tick(db: Database) -> None:
    insert_planned(db, 1000, datetime.now(UTC) - timedelta(seconds=1))
    server = await db.aconnect("server")
    began = monotonic()
    await Schedules().run_once(server)
    print(f"1,000 schedules fired in {monotonic() - began:.2f} s")
    assert monotonic() - began < 30
    count = await server.execute("select count(*) from server_api.schedule_run where state = 'running'")
    assert await count.fetchone() == (1000,)
    ready = await server.execute("select count(*) from server_api.job where status = 'ready'")
    assert await ready.fetchone() == (1000,)
