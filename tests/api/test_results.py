"""…/result?wait=: waiting without polling."""

import asyncio
import time
from typing import Any

import pytest

from tests.api.conftest import Api, until
from tests.support.protocol import Session, done


@pytest.fixture(autouse=True)
def _only_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks without a signal here: a lost one makes a test run into its time limit."""
    monkeypatch.setattr("app.http.results.RELOOK", 3600.0)


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
    await _until_watched(api, 1)
    await api.server.app.shutdown()
    assert (await waiting).status == 202
    reply = await api.get("/readyz")
    assert (reply.status, reply.slug) == (503, "not-ready")
    assert "stopping" in reply.body["detail"]


async def _until_watched(api: Api, count: int) -> None:
    await until(lambda: api.services.watch._count == count)
