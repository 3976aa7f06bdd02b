"""Closed by default: who may do what, and what a key does not even see."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from app.commands.keys import create_key, revoke_key
from app.database.sqlstates import translate
from app.errors import Invalid, NameTaken
from tests.api.conftest import Api, until


async def test_patterns_hide_jobs_and_tasks(api: Api) -> None:
    token = await api.make_key("reports", "jobs:read", "jobs:operate", queues=["rep*"], tasks=["month??"])
    hidden, seen = await api.enqueue(), await api.enqueue("monthly", args={"month": "m"})
    assert [job["id"] for job in (await api.get("/v1/jobs", key=token)).body["items"]] == [seen]
    assert (await api.get(f"/v1/jobs/{seen}", key=token)).status == 200
    for path in ("", "/attempts", "/result", "/events"):
        assert (await api.get(f"/v1/jobs/{hidden}{path}", key=token)).slug == "job-not-found"
    for verb in ("cancel", "retry"):
        assert (await api.post(f"/v1/jobs/{hidden}/{verb}", key=token)).slug == "job-not-found"
    assert [task["name"] for task in (await api.get("/v1/tasks", key=token)).body["items"]] == ["monthly"]
    assert (await api.get("/v1/tasks/echo", key=token)).slug == "not-found"
    assert (await api.get(f"/v1/jobs/{hidden}")).body["status"] == "ready"


async def test_patterns_limit_what_may_be_enqueued(api: Api) -> None:
    token = await api.make_key("reports", "jobs:write", queues=["reports"], tasks=["monthly"])
    month = {"task": "monthly", "args": {"month": "m"}}
    assert (await api.post("/v1/jobs", month, key=token)).status == 201
    for body in ({"task": "echo"}, {"task": "not there"}, {**month, "queue": "default"}):
        reply = await api.post("/v1/jobs", body, key=token)
        assert (reply.status, reply.slug) == (403, "not-allowed"), body
        reply = await api.post("/v1/jobs:batch", {"jobs": [month, body]}, key=token)
        assert (reply.status, reply.slug) == (403, "not-allowed"), body


async def test_patterns_are_no_sql_patterns(api: Api) -> None:
    token = await api.make_key("odd", "jobs:read", queues=["a_b", "100%"])
    for queue in ("axb", "a_b", "100x", "100%"):
        await api.enqueue(queue=queue)
    queues = [job["queue"] for job in (await api.get("/v1/jobs", key=token)).body["items"]]
    assert queues == ["100%", "a_b"]


async def test_revoked_at_once(api: Api) -> None:
    token = await api.make_key("brief", "jobs:read")
    assert (await api.get("/v1/jobs", key=token)).status == 200
    async with api.services.connection() as conn:
        await revoke_key(conn, name="brief", actor="tests")

    async def refused() -> bool:
        return (await api.get("/v1/jobs", key=token)).status == 401

    await until(refused)


async def test_expired(api: Api) -> None:
    soon = datetime.now(UTC) + timedelta(milliseconds=400)
    token = await api.make_key("brief", "jobs:read", expires_at=soon)

    async def refused() -> bool:
        return (await api.get("/v1/jobs", key=token)).status == 401

    await until(refused)
    reply = await api.get("/v1/jobs", key=token)
    assert (reply.slug, reply.body["detail"]) == ("unauthenticated", "this key has expired")


async def test_kept_as_a_hash(api: Api) -> None:
    token = await api.make_key("secret", "jobs:read")
    rows = api.db.connect("admin").execute("select k::text from jobs.api_key as k").fetchall()
    assert rows
    assert not [row for (row,) in rows if token in row]


async def test_creating(api: Api) -> None:
    async with api.services.connection() as conn:
        for scopes in ([], ["jobs:all"]):
            with pytest.raises(Invalid):
                await create_key(conn, name="x", scopes=scopes, actor="tests")
        with pytest.raises(psycopg.Error) as raised:
            await create_key(conn, name="boss", scopes=["admin"], actor="tests")
        assert isinstance(translate(raised.value), NameTaken)
