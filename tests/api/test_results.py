"""…/result?wait= and …/events: waiting without polling."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.api.conftest import Api, until
from tests.support.protocol import Session, done, retry


@pytest.fixture(autouse=True)
def _only_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks without a signal here: a lost one makes a test run into its time limit."""
    monkeypatch.setattr("app.http.results.RELOOK", 3600.0)
    monkeypatch.setattr("app.http.streaming.RELOOK", 3600.0)


async def _settle(api: Api, session: Session, *items: Any, **more: Any) -> None:
    answer = session.exchange(done=list(items), **more)
    await api.notify(*answer["wake"])


async def test_at_once(api: Api) -> None:
    job_id = await api.enqueue()
    reply = await api.get(f"/v1/jobs/{job_id}/result")
    assert (reply.status, reply.body["status"], reply.headers["Location"]) == (
        202,
        "ready",
        f"/v1/jobs/{job_id}",
    )
    session = api.session()
    session.exchange(done=[done(session.claim()[0], {"url": "s3"})])
    reply = await api.get(f"/v1/jobs/{job_id}/result")
    assert (reply.status, reply.body["status"], reply.body["attempt"]) == (200, "succeeded", 1)
    assert reply.body["result"] == {"url": "s3"}
    assert reply.body["started_at"] <= reply.body["finished_at"]


async def test_wait_ends_with_the_job(api: Api) -> None:
    jobs = [await api.enqueue() for _ in range(3)]
    waiting = [asyncio.create_task(api.get(f"/v1/jobs/{job_id}/result?wait=60")) for job_id in jobs]
    session = api.session()
    claimed = session.claim(3)
    await _until_watched(api, 3)
    started = time.monotonic()
    await _settle(api, session, done(claimed[1], 1))
    assert (await waiting[1]).body["result"] == 1
    assert not waiting[0].done()
    await _settle(
        api, session, done(claimed[0], 0), done(claimed[2], None, "failed", error="boom", reason="error")
    )
    first, last = await waiting[0], await waiting[2]
    assert first.body["result"] == 0
    assert (last.body["status"], last.body["reason"], last.body["error"]) == ("failed", "error", "boom")
    assert time.monotonic() - started < 20
    assert not api.services.watch._watchers


async def test_wait_is_over_before_the_job(api: Api) -> None:
    reply = await api.get(f"/v1/jobs/{await api.enqueue()}/result?wait=0.05")
    assert (reply.status, reply.body["status"]) == (202, "ready")


async def test_wait_is_capped(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.http.results.LONGEST", 0.05)
    assert (await api.get(f"/v1/jobs/{await api.enqueue()}/result?wait=100000")).status == 202


async def test_cancelled_and_failed_have_no_result(api: Api) -> None:
    job_id = await api.enqueue()
    await api.post(f"/v1/jobs/{job_id}/cancel")
    body = (await api.get(f"/v1/jobs/{job_id}/result")).body
    assert (body["status"], body["attempt"], body["result"]) == ("cancelled", 0, None)


async def test_a_waiter_that_leaves_frees_its_place(api: Api) -> None:
    job_id = await api.enqueue()
    waiting = asyncio.create_task(api.get(f"/v1/jobs/{job_id}/result?wait=60"))
    await _until_watched(api, 1)
    waiting.cancel()
    await _until_watched(api, 0)


async def test_waiters_are_served_after_listen_was_lost(api: Api) -> None:
    job_id = await api.enqueue()
    waiting = asyncio.create_task(api.get(f"/v1/jobs/{job_id}/result?wait=60"))
    await _until_watched(api, 1)
    session = api.session()
    (job,) = session.claim()
    api.db.connect("admin").execute(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
        " where application_name = 'onewriter listen' and datname = current_database()"
    )
    session.exchange(done=[done(job, 5)])  # its signal is lost
    assert (await waiting).body["result"] == 5


async def test_stopping_ends_the_wait(api: Api) -> None:
    job_id = await api.enqueue()
    waiting = asyncio.create_task(api.get(f"/v1/jobs/{job_id}/result?wait=60"))
    stream = asyncio.create_task(_read(api, f"/v1/jobs/{job_id}/events"))
    await _until_watched(api, 2)
    await api.server.app.shutdown()
    assert (await waiting).status == 202
    assert [event["event"] for event in await stream] == ["created"]
    reply = await api.get("/readyz")
    assert (reply.status, reply.slug) == (503, "not-ready")
    assert "stopping" in reply.body["detail"]


async def test_events_tell_the_whole_way(api: Api) -> None:
    job_id = await api.enqueue()
    stream = asyncio.create_task(_read(api, f"/v1/jobs/{job_id}/events"))
    await _until_watched(api, 1)
    session = api.session()
    (job,) = session.claim()
    answer = session.exchange(retry=[retry(job, 0.0)])
    await api.notify(*answer["wake"])
    (job,) = session.claim()
    await _settle(api, session, done(job, {"x": 1}))
    events = await stream
    kinds = [event["event"] for event in events]
    assert kinds[0] == "created"
    assert kinds[-1] == "succeeded"
    assert kinds == ["created", "started", "retrying", "started", "succeeded"]
    assert len({event["id"] for event in events}) == len(events)


async def test_events_resume(api: Api) -> None:
    job_id = await api.enqueue()
    session = api.session()
    await _settle(api, session, done(session.claim()[0], 1))
    everything = await _read(api, f"/v1/jobs/{job_id}/events")
    assert [event["event"] for event in everything] == ["created", "started", "succeeded"]
    for n, event in enumerate(everything[:-1]):
        rest = await _read(api, f"/v1/jobs/{job_id}/events", event["id"])
        assert rest == everything[n + 1 :]
    assert await _read(api, f"/v1/jobs/{job_id}/events", "from elsewhere") == everything
    reply = await api.get(f"/v1/jobs/{job_id}/events", Last_Event_ID=everything[-1]["id"])
    assert reply.status == 204


async def test_events_of_a_cancel(api: Api) -> None:
    job_id = await api.enqueue()
    stream = asyncio.create_task(_read(api, f"/v1/jobs/{job_id}/events"))
    await _until_watched(api, 1)
    await api.post(f"/v1/jobs/{job_id}/cancel", {"reason": "changed my mind"})
    events = await stream
    assert [event["event"] for event in events] == ["created", "cancelled"]
    assert '"reason": "changed my mind"' in events[1]["data"]


async def _read(api: Api, path: str, last_id: str | None = None) -> list[dict[str, str]]:
    headers = {"Authorization": f"Bearer {api.key}"}
    if last_id is not None:
        headers["Last-Event-ID"] = last_id
    async with api.http.get(api.server.make_url(path), headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["X-Request-Id"]
        return [event async for event in _events(answer)]


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    event: dict[str, str] = {}
    async for line in answer.content:
        text = line.decode().rstrip("\r\n")
        if text:
            name, _, value = text.partition(": ")
            event[name] = value
        elif event:
            yield event
            event = {}


async def _until_watched(api: Api, count: int) -> None:
    await until(lambda: api.services.watch._count == count)
