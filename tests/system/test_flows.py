"""Flows end to end: a real handler starts them, workers run their jobs, the scheduler advances them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from app.errors import InvalidArguments, QueueingLockTaken, UnknownTask
from app.handlers import Options, chain, enqueue, group, job, publish
from tests.support.cluster import Database
from tests.support.processes import ONEWRITER, SILENT
from tests.support.stage import Stage

pytestmark = pytest.mark.timeout(90)
TASKS = "tests.system.flow_tasks"
GROUPS = 60
TOTALS = [2 * n for n in range(GROUPS)]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CATALOGUE = [
    {"name": "flow.begin", "schema": {}},
    {"name": "flow.add", "schema": SCHEMA, "events": ["counted"]},
    {"name": "flow.total", "schema": {}},
]


@pytest.fixture(autouse=True)
def _published(db: Database) -> None:
    catalogue = json.dumps({"catalogue": 1, "tasks": CATALOGUE})
    db.connect("server").execute("select server_api.publish_tasks('flows', %s, 'test')", [catalogue])


def handlers(stage: Stage) -> None:
    """`onewriter handlers run`, subscribed."""
    pair = {"task": "flow.begin", "event": "succeeded", "ordered_by": "job", "handlers": ["begun"]}
    stage.server.execute("select server_api.publish_handlers('handlers', %s, 'test')", [json.dumps([pair])])
    stage.processes.start(
        "handlers",
        [*ONEWRITER, "handlers", "run"],
        {
            "ONEWRITER_DATABASE_URL": stage.db.dsn("server"),
            "ONEWRITER_HANDLER_DATABASE_URL": stage.db.dsn("handler"),
            "ONEWRITER_HANDLERS": "tests.system.flow_handlers",
        },
    )


def flows(stage: Stage) -> list[dict[str, Any]]:
    return stage.rows("select * from server_api.flow order by id")


def results(stage: Stage, task: str) -> list[Any]:
    return [row["result"] for row in stage.rows("select result from server_api.job where task = %s", task)]


def test_a_handler_starts_a_chain_and_a_group(stage: Stage) -> None:
    """Three steps that hand on what they got, fifty members over two workers; only signals are in time."""
    stage.scheduler()
    handlers(stage)
    for role in ("worker", "worker2"):
        stage.worker("-c", "5", role=role, ONEWRITER_TASKS=TASKS, **SILENT)
    parent = stage.enqueue("flow.begin", {"members": 50})
    stage.until(
        lambda: [row["state"] for row in flows(stage)] == ["succeeded"] * 2, 40, say=stage.processes.logs
    )
    chained, grouped = flows(stage)
    assert (chained["parent_id"], grouped["parent_id"]) == (parent, parent)
    last = stage.rows("select job_id from server_api.flow_member where flow_id = %s and n = 3", chained["id"])
    assert stage.job(last[0]["job_id"])["result"] == 6
    callback = stage.ended(grouped["callback_job_id"])
    assert (callback["result"], callback["parent_id"]) == (sum(range(50)), parent)
    assert [part["result"] for part in callback["args"]["parts"]] == list(range(50))
    workers = stage.rows("select distinct worker from server_api.attempt")
    assert len(workers) == 2
    assert results(stage, "flow.total") == [sum(range(50))]


def test_schedulers_killed_while_they_advance_call_back_once(stage: Stage) -> None:
    stage.worker("-c", "5", ONEWRITER_TASKS=TASKS)
    started = "select count(*) as n from server_api.flow where callback_job_id is not null"
    for n in range(GROUPS):
        members = [job("flow.add", n=n), job("flow.add", n=n)]
        group(stage.server, *members, callback=job("flow.total"), results="parts")
    for enough in (1, GROUPS // 3):
        scheduler = stage.scheduler()
        stage.until(lambda most=enough: stage.rows(started)[0]["n"] >= most)
        scheduler.kill()
    stage.scheduler()
    stage.until(lambda: stage.rows(started)[0]["n"] == GROUPS, 30)
    stage.until(lambda: sorted(results(stage, "flow.total"), key=str) == sorted(TOTALS, key=str), 30)
    assert {row["state"] for row in flows(stage)} == {"succeeded"}


@asynccontextmanager
async def domain(db: Database, kind: str) -> AsyncIterator[Any]:
    """A team's own transaction, over any kind of connection; rolled back unless `commit` is called."""
    dsn = db.dsn("producer")
    url = dsn.replace("postgresql://", "postgresql+psycopg://")
    if kind == "psycopg":
        with psycopg.connect(dsn) as conn:
            yield conn
    elif kind == "psycopg async":
        async with await psycopg.AsyncConnection.connect(dsn) as aconn:
            yield aconn
    elif kind in ("connection", "session"):
        engine = create_engine(url)
        with engine.connect() if kind == "connection" else Session(engine) as alchemy:
            yield alchemy
        engine.dispose()
    else:
        aengine = create_async_engine(url)
        async with aengine.connect() if kind == "async connection" else AsyncSession(aengine) as aalchemy:
            yield aalchemy
        await aengine.dispose()


KINDS = ["psycopg", "psycopg async", "connection", "session", "async connection", "async session"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_teams_own_transaction_starts_them_together_with_its_rows(db: Database, kind: str) -> None:
    server = db.connect("server")
    count = "select count(*) from server_api.job"

    async def done(answer: Any) -> Any:
        return await answer if "async" in kind else answer

    async with domain(db, kind) as conn:
        first = await done(enqueue(conn, "flow.add", Options(queueing_lock="q", key="k"), n=1))
        with pytest.raises(QueueingLockTaken):
            await done(enqueue(conn, "flow.add", Options(queueing_lock="q"), n=1))
        with pytest.raises(InvalidArguments):
            await done(enqueue(conn, "flow.add", n="one"))
        with pytest.raises(UnknownTask):
            await done(enqueue(conn, "flow.gone"))
        assert len(await done(publish(conn, "counted", {"n": 2}))) == 1
        assert await done(publish(conn, "nothing", {})) == []
        assert await done(chain(conn, job("flow.add", n=1), job("flow.add", n=2), results="last")) > first
        assert len(await done(group(conn, job("flow.add", n=1), job("flow.add", n=2)))) == 2
        assert server.execute(count).fetchone() == (0,)
        await done(conn.commit())
    assert server.execute(count).fetchone() == (5,)
    async with domain(db, kind) as conn:
        await done(enqueue(conn, "flow.add", n=1))
        await done(conn.rollback())
    assert server.execute(count).fetchone() == (5,)
