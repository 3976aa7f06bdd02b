"""POST /v1/jobs: what is stored, what comes from the task, group commit, idempotency."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import pytest

from app.commands.jobs_in import JobIn
from app.database.notifier import queue_channel
from tests.api.conftest import Api, Running, until
from tests.support.cluster import Database


async def test_created_with_location_and_cause(api: Api) -> None:
    reply = await api.post(
        "/v1/jobs", {"task": "echo", "args": {"a": 1}, "key": "acme"}, X_Request_Id="req-1"
    )
    assert reply.status == 201
    job_id = reply.body["id"]
    assert reply.headers["Location"] == f"/v1/jobs/{job_id}"
    assert reply.headers["X-Request-Id"] == "req-1"
    assert reply.body == {"id": job_id, "status": "ready", "task": "echo", "queue": "default"}
    job = (await api.get(f"/v1/jobs/{job_id}")).body
    assert job["cause"] == {"kind": "http", "actor": "boss", "request_id": "req-1"}
    assert (job["args"], job["key"], job["status"]) == ({"a": 1}, "acme", "ready")


@pytest.mark.parametrize(
    ("version", "extra", "kept"),
    [
        ("1.1", "", True),
        ("1.1", "Expect: 100-continue\r\n", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.0", "", False),
    ],
    ids=["at once", "body later", "close", "HTTP/1.0"],
)
async def test_the_answer_on_the_wire(api: Api, version: str, extra: str, kept: bool) -> None:
    body = b'{"task": "echo"}'
    head = (
        f"POST /v1/jobs HTTP/{version}\r\nHost: test\r\nX-Request-Id: req-1\r\n{extra}"
        f"Authorization: Bearer {api.key}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    reader, writer = await asyncio.open_connection(api.server.host, api.server.port)
    for _ in range(2 if kept else 1):
        writer.write(head if "100" in extra else head + body)
        if "100" in extra:
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
        answer = await reader.readuntil(b"\r\n\r\n")
        status, *lines = answer.decode().removesuffix("\r\n\r\n").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        told = json.loads(await reader.readexactly(int(headers["Content-Length"])))
        assert status == f"HTTP/{version} 201 Created"
        assert headers["Content-Type"] == "application/json"
        assert headers["Location"] == f"/v1/jobs/{told['id']}"
        assert headers["X-Request-Id"] == "req-1"
        assert parsedate_to_datetime(headers["Date"]) <= datetime.now(UTC)
        assert "aiohttp" in headers["Server"]
    if not kept:
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_defaults_come_from_the_task(api: Api) -> None:
    job = (await api.get(f"/v1/jobs/{await api.enqueue('monthly', args={'month': '2026-10'})}")).body
    assert (job["queue"], job["priority"], job["timeout"], job["max_attempts"]) == ("reports", 3, 30.0, 5)
    job = (await api.get(f"/v1/jobs/{await api.enqueue('single')}")).body
    assert (job["lock"], job["queueing_lock"]) == ("one", "only")


async def test_the_job_may_say_otherwise(api: Api) -> None:
    own = {
        "queue": "q",
        "priority": -1,
        "timeout": 5.5,
        "max_attempts": 2,
        "lock": "l",
        "queueing_lock": "ql",
    }
    job = (await api.get(f"/v1/jobs/{await api.enqueue('monthly', args={'month': 'm'}, **own)}")).body
    assert {name: job[name] for name in own} == own


async def test_an_alias_is_the_task(api: Api) -> None:
    reply = await api.post("/v1/jobs", {"task": "old.name"})
    assert (reply.status, reply.body["task"]) == (201, "renamed")
    token = await api.make_key("old", "jobs:write", tasks=["old.*"])
    assert (await api.post("/v1/jobs", {"task": "old.name"}, key=token)).slug == "not-allowed"


async def test_big_numbers_keep_their_digits(api: Api) -> None:
    reply = await api.post("/v1/jobs", b'{"task":"echo","args":{"n":12345678901234567890123,"d":1.10}}')
    text = await api.http.get(
        api.server.make_url(reply.headers["Location"]), headers={"Authorization": f"Bearer {api.key}"}
    )
    body = await text.text()
    assert '"n": 12345678901234567890123' in body
    assert '"d": 1.10' in body


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "ready"),
        ({"delay": 0}, "ready"),
        ({"delay": 60}, "scheduled"),
        ({"run_at": "2020-01-01T00:00:00Z"}, "ready"),
        ({"run_at": "2099-01-01T00:00:00+02:00"}, "scheduled"),
        ({"queue": None, "delay": None}, "ready"),
    ],
)
async def test_status_told_is_status_stored(api: Api, fields: dict[str, Any], status: str) -> None:
    reply = await api.post("/v1/jobs", {"task": "echo", **fields})
    assert reply.body["status"] == status
    assert (await api.get(reply.headers["Location"])).body["status"] == status


async def test_queueing_lock_is_taken(api: Api) -> None:
    first = await api.enqueue("single")
    reply = await api.post("/v1/jobs", {"task": "single"})
    assert (reply.status, reply.slug, reply.body["job_id"]) == (409, "queueing-lock-taken", first)


async def test_one_conflict_among_neighbours(api: Api) -> None:
    bodies = [{"task": "single"} if n in (3, 7) else {"task": "echo"} for n in range(20)]
    replies = await asyncio.gather(*(api.post("/v1/jobs", body) for body in bodies))
    assert sorted(r.status for n, r in enumerate(replies) if n in (3, 7)) == [201, 409]
    assert {r.status for n, r in enumerate(replies) if n not in (3, 7)} == {201}
    ids = [r.body["id"] for r in replies if r.status == 201]
    assert len(set(ids)) == 19


async def test_what_only_the_database_refuses_fails_alone(api: Api) -> None:
    """A number that JSON parsers round to zero and that numeric cannot hold."""
    bad = b'{"task":"echo","args":{"x":1e-20000}}'
    replies = await asyncio.gather(
        *(api.post("/v1/jobs", bad if n == 5 else {"task": "echo"}) for n in range(12))
    )
    assert [r.status for n, r in enumerate(replies) if n != 5] == [201] * 11
    assert (replies[5].status, replies[5].slug) == (422, "invalid-value")


async def test_concurrent_requests_share_flushes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    enqueuer = api.services.enqueuer
    call = enqueuer._call

    async def counted(lane: Any, batch: Any, channels: Any) -> Any:
        sizes.append(len(batch))
        return await call(lane, batch, channels)

    monkeypatch.setattr(enqueuer, "_call", counted)
    await asyncio.gather(*(api.enqueue() for _ in range(100)))
    assert sum(sizes) == 100
    assert len(sizes) < 60


async def test_every_job_is_signalled_by_its_flush_or_by_the_notifier(api: Api, db: Database) -> None:
    """One alone goes with its flush; of those close behind, what the gap holds back still comes."""
    conn = db.connect("server")
    for channel in ("ow_any", *map(queue_channel, "abc")):
        conn.execute(f'listen "{channel}"'.encode())
    await api.enqueue(queue="a")
    await asyncio.gather(api.enqueue(queue="b"), api.enqueue(queue="c"))
    notifies = await asyncio.to_thread(list, conn.notifies(timeout=1))
    assert {notify.channel for notify in notifies} == {"ow_any", *map(queue_channel, "abc")}


async def test_a_cancelled_request_leaves_the_flush_alone(api: Api) -> None:
    def submit(n: int) -> asyncio.Task[Any]:
        job = JobIn(task="echo", queue="default", args=msgspec.Raw(b"{}"), key=f"k{n}")
        return asyncio.ensure_future(api.services.enqueuer.submit(job))

    tasks = [submit(n) for n in range(10)]
    await asyncio.sleep(0)
    tasks[4].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(done[4], asyncio.CancelledError)
    assert len({job_id for n, job_id in enumerate(done) if n != 4}) == 9


async def test_enqueue_signals_after_the_commit(api: Api) -> None:
    conn = await api.db.aconnect("worker")
    await conn.execute("listen ow_any")
    await conn.execute("listen ow_q_c21f969b5f03d33d")  # md5 of "default"
    job_id = await api.enqueue()
    heard = set()
    async for notify in conn.notifies(timeout=10):
        heard.add((notify.channel, notify.payload))
        if len(heard) == 2:
            break
    assert len(heard) == 2
    assert {payload for _, payload in heard} == {""}
    assert job_id


async def test_idempotency_replays_the_same_answer(api: Api) -> None:
    body = {"task": "echo", "delay": 60}
    first = await api.post("/v1/jobs", body, Idempotency_Key="k1")
    again = await api.post("/v1/jobs", b'{ "delay": 60, "task": "echo" }', Idempotency_Key="k1")
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


async def test_idempotency_key_with_another_body(api: Api) -> None:
    await api.post("/v1/jobs", {"task": "echo"}, Idempotency_Key="k1")
    for path, body in (
        ("/v1/jobs", {"task": "echo", "args": {"a": 1}}),
        ("/v1/jobs:batch", {"jobs": [{"task": "echo"}]}),
    ):
        reply = await api.post(path, body, Idempotency_Key="k1")
        assert (reply.status, reply.slug) == (422, "idempotency-key-reused")


async def test_idempotency_is_per_api_key(api: Api) -> None:
    other = await api.make_key("other", "jobs:write")
    first = await api.post("/v1/jobs", {"task": "echo"}, Idempotency_Key="k1")
    second = await api.post("/v1/jobs", {"task": "echo"}, key=other, Idempotency_Key="k1")
    assert first.body["id"] != second.body["id"]


async def test_idempotency_in_one_flush_and_across_flushes(api: Api) -> None:
    replies = await asyncio.gather(
        *(api.post("/v1/jobs", {"task": "echo"}, Idempotency_Key=f"k{n % 4}") for n in range(40))
    )
    assert {r.status for r in replies} == {201}
    for n in range(4):
        same = replies[n::4]
        assert len({r.body["id"] for r in same}) == 1
        assert sum("Idempotent-Replayed" not in r.headers for r in same) == 1


async def test_a_refused_enqueue_does_not_use_up_its_idempotency_key(api: Api) -> None:
    first = await api.enqueue("single")
    assert (await api.post("/v1/jobs", {"task": "single"}, Idempotency_Key="k")).status == 409
    assert (await api.post(f"/v1/jobs/{first}/cancel")).status == 202
    reply = await api.post("/v1/jobs", {"task": "single"}, Idempotency_Key="k")
    assert (reply.status, "Idempotent-Replayed" in reply.headers) == (201, False)


@pytest.mark.parametrize("key", ["", "x" * 256, "ü"])
async def test_idempotency_key_out_of_bounds(api: Api, key: str) -> None:
    reply = await api.post("/v1/jobs", {"task": "echo"}, Idempotency_Key=key)
    assert (reply.status, reply.fields) == (422, ["Idempotency-Key"])


async def test_expired_before_due_is_refused(api: Api) -> None:
    now = datetime.now(UTC)
    times = {
        "run_at": (now + timedelta(hours=2)).isoformat(),
        "expires_at": (now + timedelta(hours=1)).isoformat(),
    }
    reply = await api.post("/v1/jobs", {"task": "echo", **times})
    assert (reply.status, reply.fields) == (422, ["expires_at"])


async def test_full_backlog_says_so(db: Database) -> None:
    async with Running(db, enqueue_backlog=1) as api:
        replies = await asyncio.gather(*(api.post("/v1/jobs", {"task": "echo"}) for _ in range(60)))
        refused = [r for r in replies if r.status != 201]
        assert refused
        for reply in refused:
            assert (reply.status, reply.slug, reply.headers["Retry-After"]) == (503, "overloaded", "1")


async def test_a_server_that_hung_up_meanwhile_costs_no_request(api: Api) -> None:
    await asyncio.gather(*(api.enqueue() for _ in range(8)))
    _cut(api.db)
    lanes = api.services.enqueuer._lanes
    await until(lambda: all(lane._direct is None or lane._direct.broken for lane in lanes))
    for _ in range(4):
        await api.enqueue()


async def test_a_connection_lost_on_the_way_is_503_and_heals(api: Api) -> None:
    """Whether the job was committed nobody knows, so it is not simply tried again."""
    admin = api.db.connect("admin", autocommit=False)
    admin.execute("lock table procrastinate.procrastinate_jobs in access exclusive mode")
    lost = asyncio.create_task(api.post("/v1/jobs", {"task": "echo"}))
    other = api.db.connect("admin")
    await until(lambda: bool(other.execute(WAITING).fetchall()))
    _cut(api.db)
    admin.rollback()
    reply = await lost
    assert (reply.status, reply.slug, reply.headers["Retry-After"]) == (503, "database-unavailable", "1")
    await api.enqueue()


WAITING = """
    select 1 from pg_stat_activity
     where application_name = 'onewriter enqueue' and wait_event_type = 'Lock'
       and datname = current_database()"""


def _cut(db: Database) -> None:
    admin = db.connect("admin")
    with admin.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
            " where application_name = 'onewriter enqueue' and datname = current_database()"
        )
        assert cursor.fetchall()
