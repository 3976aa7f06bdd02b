"""/v1/workers: the registry over HTTP."""

import asyncio
from typing import Any

import pytest

from tests.api.conftest import Api, until
from tests.support.cluster import login_name

NEW = {"host": "box", "name": "a", "region": "eu", "capacity": 4, "queues": ["q"], "versions": {"tasks": "7"}}
UNKNOWN = ("/v1/workers/99", "/v1/workers/x", "/v1/workers/0", "/v1/workers/99999999999999999999")


async def register(api: Api, **fields: Any) -> int:
    reply = await api.post("/v1/workers", {"host": "box", "name": "a", **fields})
    assert reply.status == 201, reply.body
    return int(reply.body["id"])


async def check(api: Api, name: str, *params: Any) -> None:
    marks = ", ".join(["%s"] * len(params))
    conn = await api.db.aconnect("server")
    await conn.execute(f"select server_api.{name}('tests'{marks and ', '}{marks})".encode(), params)


async def test_a_workers_life(api: Api) -> None:
    reply = await api.post("/v1/workers", NEW)
    assert reply.status == 201
    path = reply.headers["Location"]
    assert path == f"/v1/workers/{reply.body['id']}"
    given = {name: reply.body[name] for name in ("host", "region", "capacity", "queues", "versions")}
    assert given == {name: NEW[name] for name in given}
    assert (reply.body["name"], reply.body["status"], reply.body["login"]) == ("box/a", "pending", None)
    beat = await api.post(f"{path}/heartbeat")
    assert (beat.status, beat.body["status"]) == (200, "pending"), "a heartbeat alone changes nothing"
    assert beat.body["last_heartbeat_at"]
    await check(api, "activate_workers")
    assert (await api.get(path)).body["worker"]["status"] == "active"
    await check(api, "retire_workers", "1 us")
    assert (await api.get(path)).body["worker"]["status"] == "offline"
    await api.post(f"{path}/heartbeat")
    await check(api, "reactivate_workers")
    detail = (await api.get(f"{path}?history=100")).body
    assert [(row["from_status"], row["to_status"]) for row in detail["transitions"]] == [
        ("offline", "active"), ("active", "offline"), ("pending", "active"),
    ]  # fmt: skip
    assert [row["session"] for row in detail["heartbeats"]] == [None, None]
    assert len((await api.get(f"{path}?history=1")).body["heartbeats"]) == 1
    assert (await api.get(path)).body["heartbeats"] == []
    assert (await api.call("DELETE", f"{path}?reason=done")).status == 204
    assert (await api.get(path)).slug == "worker-not-found"


async def test_what_there_is_not_is_a_404(api: Api) -> None:
    for path in UNKNOWN:
        for method, rest, body in (
            ("GET", "", None),
            ("PATCH", "", {"status": "active"}),
            ("DELETE", "", None),
            ("POST", "/heartbeat", None),
            ("POST", "/drain", None),
            ("POST", "/resume", None),
        ):
            reply = await api.call(method, path + rest, body)
            assert (reply.status, reply.slug) == (404, "worker-not-found"), (method, path + rest)


async def test_a_taken_name_is_a_409(api: Api) -> None:
    worker = await register(api)
    reply = await api.post("/v1/workers", {"host": "box", "name": "a"})
    assert (reply.status, reply.slug, reply.body["worker_id"]) == (409, "worker-exists", worker)


async def test_an_invalid_configuration_is_a_400_that_names_the_field(api: Api) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("host", {"host": "a/b"}),
        ("host", {"host": ""}),
        ("name", {"host": "h" * 100, "name": "n" * 100}),
        ("capacity", {"capacity": 0}),
        ("capacity", {"capacity": "many"}),
        ("queues", {"queues": []}),
        ("queues[0]", {"queues": [""]}),
        ("versions", {"versions": {f"v{n}": "1" for n in range(21)}}),
        ("region", {"region": "\0"}),
        ("colour", {"colour": "red"}),
    ]
    for field, fields in wrong:
        reply = await api.post("/v1/workers", {"host": "box", "name": "a", **fields})
        assert (reply.status, reply.slug, reply.fields) == (400, "invalid-configuration", [field])
    assert (await api.post("/v1/workers", b"{")).slug == "malformed-json"
    assert (await api.post("/v1/workers")).fields == ["host"]
    assert (await api.get("/v1/workers")).body == {"items": [], "next_cursor": None}


async def test_only_legal_transitions(api: Api) -> None:
    path = f"/v1/workers/{await register(api)}"
    refused = await api.call("PATCH", path, {"status": "pending"})
    assert (refused.status, refused.slug) == (400, "invalid-transition")
    assert (refused.body["worker_status"], refused.body["allowed"]) == ("pending", ["active", "offline"])
    moved = await api.call("PATCH", path, {"status": "offline", "reason": "moved house"})
    assert (moved.status, moved.body["status"]) == (200, "offline")
    (row,) = (await api.get(path)).body["transitions"]
    assert (row["actor"], row["reason"]) == ("boss", "moved house")
    for body in ({"status": "offline"}, {"status": "draining"}, {"status": None}, {}):
        assert (await api.call("PATCH", path, body)).slug == "invalid-transition", body


async def test_pages_by_status(api: Api) -> None:
    ids = [await register(api, name=f"n{n}") for n in range(5)]
    await api.call("PATCH", f"/v1/workers/{ids[2]}", {"status": "offline"})
    pending = [ids[0], ids[1], ids[3], ids[4]]
    seen, cursor = [], ""
    while cursor is not None:
        page = (await api.get(f"/v1/workers?status=pending&limit=3{cursor and '&cursor='}{cursor}")).body
        seen += [worker["id"] for worker in page["items"]]
        cursor = page["next_cursor"]
    assert seen == pending
    (offline,) = (await api.get("/v1/workers?status=offline")).body["items"]
    assert offline["id"] == ids[2]
    first = (await api.get("/v1/workers?limit=1")).body["next_cursor"]
    assert (await api.get(f"/v1/workers?status=active&cursor={first}")).slug == "invalid-cursor"
    assert (await api.get("/v1/workers?status=draining")).fields == ["status"]
    assert (await api.get(f"/v1/workers/{ids[0]}?history=101")).fields == ["history"]


async def test_sessions_and_the_jobs_that_the_key_may_see(api: Api) -> None:
    session = api.session()
    seen, hidden = await api.enqueue(queue="reports"), await api.enqueue()
    session.claim(2)
    (worker,) = (await api.get("/v1/workers")).body["items"]
    assert (worker["name"], worker["sessions"], worker["running"]) == ("tests/worker", 1, 2)
    assert worker["login"] == login_name("worker")
    detail = (await api.get(f"/v1/workers/{worker['id']}")).body
    (shown,) = detail["sessions"]
    assert (shown["id"], shown["lease"], shown["closed_at"]) == (session.id, 15, None)
    assert "secret" not in str(shown)
    assert [job["id"] for job in detail["running"]] == [seen, hidden]
    token = await api.make_key("reports", "jobs:read", queues=["reports"])
    limited = (await api.get(f"/v1/workers/{worker['id']}", key=token)).body
    assert [job["id"] for job in limited["running"]] == [seen]


async def test_a_worker_that_is_only_registered_gets_no_jobs(api: Api) -> None:
    worker = await register(api, queues=["default"])
    job = await api.enqueue()
    await api.post(f"/v1/workers/{worker}/heartbeat")
    await api.call("PATCH", f"/v1/workers/{worker}", {"status": "active"})
    assert (await api.get(f"/v1/jobs/{job}")).body["status"] == "ready"


async def test_drain_and_resume(api: Api) -> None:
    session = api.session()
    await api.enqueue()
    await api.enqueue()
    (held,) = session.claim()
    (worker,) = (await api.get("/v1/workers")).body["items"]
    path = f"/v1/workers/{worker['id']}"
    reply = await api.post(f"{path}/drain", {"reason": "kernel"})
    assert (reply.status, reply.body["running"]) == (202, 1)
    assert reply.body["draining_since"]
    assert session.claim() == []
    busy = await api.call("DELETE", path)
    assert (busy.status, busy.slug, busy.body["sessions"]) == (409, "worker-live", [session.id])
    reply = await api.post(f"{path}/resume")
    assert (reply.status, reply.body["draining_since"]) == (202, None)
    assert session.claim() != [held]
    conn = await api.db.aconnect("server")
    rows = await conn.execute(
        "select actor, action, target, reason from server_api.audit where action like 'workers.%' order by id"
    )
    assert await rows.fetchall() == [
        ("boss", "workers.drain", "tests/worker", "kernel"), ("boss", "workers.resume", "tests/worker", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "slug", "breaks"),
    [
        ("POST", "", {"host": "h", "name": "n"}, "storage-failed", "jobs.worker"),
        ("POST", "/1/heartbeat", None, "heartbeat-failed", "jobs.worker_heartbeat"),
        ("PATCH", "/1", {"status": "active"}, "storage-failed", "jobs.worker_transition"),
        ("GET", "", None, "storage-failed", "jobs.worker"),
        ("GET", "/1", None, "storage-failed", "jobs.worker"),
    ],
)
async def test_what_the_storage_refuses_names_the_operation_and_no_sql(
    api: Api, method: str, path: str, body: Any, slug: str, breaks: str, caplog: pytest.LogCaptureFixture
) -> None:
    await register(api)
    admin = await api.db.aconnect("admin")
    await admin.execute(f"alter table {breaks} rename to broken".encode())
    if method == "GET":
        await admin.execute("drop view server_api.worker")
    reply = await api.call(method, f"/v1/workers{path}", body)
    assert (reply.status, reply.slug) == (500, slug)
    assert reply.body["operation"]
    for word in ("jobs.", "relation", "select", "insert", "broken", "server_api"):
        assert word not in str(reply.body).lower(), reply.body
    assert reply.headers["X-Request-Id"] in caplog.text, "the log has the reason"


async def test_an_unreachable_database_stays_a_503(api: Api) -> None:
    await register(api)
    admin = await api.db.aconnect("admin", autocommit=False)
    await admin.execute("lock table jobs.worker in access exclusive mode")
    waiting = asyncio.create_task(api.post("/v1/workers/1/heartbeat"))
    killer = await api.db.aconnect("admin")
    ended = """select pg_terminate_backend(pid) from pg_stat_activity
                where wait_event_type = 'Lock' and datname = current_database()"""

    async def is_ended() -> bool:
        return bool(await (await killer.execute(ended)).fetchone())

    await until(is_ended)
    reply = await waiting
    assert (reply.status, reply.slug) == (503, "database-unavailable")
