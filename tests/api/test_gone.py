"""DELETE of a finished job, and what everything answers about a job that is gone."""

import asyncio

import pytest

from tests.api.conftest import Api, until
from tests.support.protocol import done

GETS = ("", "/attempts", "/result", "/result?wait=5", "/events")
POSTS = ("/cancel", "/retry", "/run-now")


async def finished(api: Api, **fields: object) -> int:
    job_id = await api.enqueue(**fields)
    session = api.session()
    session.exchange(done=[done(session.claim()[0], {"n": 1})])
    session.close()
    return job_id


async def remove(api: Api, job_id: int, **options: str) -> None:
    reply = await api.call("DELETE", f"/v1/jobs/{job_id}", **options)
    assert (reply.status, reply.body) == (204, b"")


async def test_a_finished_job_is_deleted_and_audited(api: Api) -> None:
    job_id = await finished(api)
    reply = await api.call("DELETE", f"/v1/jobs/{job_id}?reason=asked%20to", X_Request_Id="r7")
    assert (reply.status, reply.body, reply.headers["X-Request-Id"]) == (204, b"", "r7")
    line = (
        api.db.connect("server")
        .execute("select actor, action, target, reason, detail from server_api.audit order by id desc")
        .fetchone()
    )
    detail = {"task": "echo", "queue": "default", "status": "succeeded", "request_id": "r7"}
    assert line == ("boss", "jobs.remove", f"job {job_id}", "asked to", detail)
    assert (await api.get("/v1/jobs")).body["items"] == []


async def test_whatever_is_asked_of_a_deleted_job_is_a_410(api: Api) -> None:
    job_id = await finished(api)
    await remove(api, job_id)
    replies = [await api.get(f"/v1/jobs/{job_id}{path}") for path in GETS]
    replies += [await api.post(f"/v1/jobs/{job_id}{path}", {"reason": "x"}) for path in POSTS]
    replies.append(await api.call("DELETE", f"/v1/jobs/{job_id}"))
    assert {(reply.status, reply.slug) for reply in replies} == {(410, "job-gone")}


async def test_a_pruned_job_is_a_410_too(api: Api) -> None:
    job_id = await finished(api)
    admin = api.db.connect("admin")
    admin.execute(
        "update procrastinate.procrastinate_jobs"
        " set created_at = now() - interval '8 days', finished_at = now() - interval '8 days'"
    )
    api.db.connect("server").execute("select server_api.prune_jobs(0, 10, '7 days', null, null, null)")
    assert {(await api.get(f"/v1/jobs/{job_id}{path}")).status for path in GETS} == {410}


async def test_an_id_that_was_never_given_out_is_a_404(api: Api) -> None:
    assert (await api.get("/v1/jobs/1")).slug == "job-not-found"
    job_id = await finished(api)
    await remove(api, job_id)
    for never in (job_id + 1, 2**63 - 1):
        assert (await api.get(f"/v1/jobs/{never}")).slug == "job-not-found"
        assert (await api.call("DELETE", f"/v1/jobs/{never}")).slug == "job-not-found"


@pytest.mark.parametrize("limits", [{"queues": ["default"]}, {"tasks": ["echo"]}, {"queues": ["*"]}])
async def test_a_limited_key_cannot_tell_what_is_gone_from_what_never_was(
    api: Api, limits: dict[str, list[str]]
) -> None:
    job_id = await finished(api)
    key = await api.make_key("limited", "jobs:read", "jobs:operate", **limits)
    await remove(api, job_id, key=key)
    for asked in (job_id, job_id + 99):
        assert (await api.get(f"/v1/jobs/{asked}", key=key)).slug == "job-not-found"
        assert (await api.post(f"/v1/jobs/{asked}/retry", key=key)).slug == "job-not-found"
        assert (await api.call("DELETE", f"/v1/jobs/{asked}", key=key)).slug == "job-not-found"


async def test_what_a_key_may_not_see_it_may_not_delete(api: Api) -> None:
    job_id = await finished(api)
    blind = await api.make_key("blind", "jobs:operate", queues=["reports"])
    assert (await api.call("DELETE", f"/v1/jobs/{job_id}", key=blind)).slug == "job-not-found"
    reader = await api.make_key("reader", "jobs:read", "jobs:write")
    assert (await api.call("DELETE", f"/v1/jobs/{job_id}", key=reader)).slug == "missing-scope"
    assert (await api.get(f"/v1/jobs/{job_id}")).status == 200


async def test_an_unfinished_job_is_a_409(api: Api) -> None:
    job_id = await api.enqueue()
    for status in ("ready", "running"):
        reply = await api.call("DELETE", f"/v1/jobs/{job_id}")
        assert (reply.status, reply.slug, reply.body["job_status"]) == (409, "state-conflict", status)
        assert "only a finished one can be deleted" in reply.body["detail"]
        api.session().claim()


@pytest.mark.parametrize("query", ["?reason=", f"?reason={'x' * 1001}", "?why=x", "?reason=a&reason=b"])
async def test_a_wrong_reason_is_refused_and_nothing_deleted(api: Api, query: str) -> None:
    job_id = await finished(api)
    assert (await api.call("DELETE", f"/v1/jobs/{job_id}{query}")).slug == "invalid-value"
    assert (await api.get(f"/v1/jobs/{job_id}")).status == 200


async def test_a_waiting_request_hears_of_a_deletion(api: Api) -> None:
    job_id = await api.enqueue()
    waiting = asyncio.create_task(api.get(f"/v1/jobs/{job_id}/result?wait=60"))
    await until(lambda: api.services.watch._count == 1)
    admin = api.db.connect("admin")
    with admin.transaction():  # or it is seen between the two
        admin.execute("update procrastinate.procrastinate_jobs set status = 'succeeded', finished_at = now()")
        admin.execute("select jobs.erase(%s)", [[job_id]])
    await api.notify("ow_job")
    async with asyncio.timeout(10):  # far below the 15 s after which it would look by itself
        assert (await waiting).slug == "job-gone"


async def test_a_stream_ends_when_its_job_is_deleted(api: Api) -> None:
    job_id = await api.enqueue()
    stream = asyncio.create_task(api.get(f"/v1/jobs/{job_id}/events"))
    hubs = api.services.hubs._hubs
    await until(lambda: any(hub._followers for hub in hubs.values()))  # its answer has begun
    admin = api.db.connect("admin")
    with admin.transaction():  # or it is seen between the two
        admin.execute("update procrastinate.procrastinate_jobs set status = 'succeeded', finished_at = now()")
        admin.execute("select jobs.erase(%s)", [[job_id]])
    await api.notify("ow_job")
    async with asyncio.timeout(10):
        assert (await stream).status == 200
    assert (await api.get(f"/v1/jobs/{job_id}/events")).slug == "job-gone", "and does not come back"


async def test_a_replay_still_names_the_job_that_is_gone(api: Api) -> None:
    first = await api.post("/v1/jobs", {"task": "echo"}, Idempotency_Key="k")
    session = api.session()
    session.exchange(done=[done(session.claim()[0], 1)])
    await remove(api, first.body["id"])
    again = await api.post("/v1/jobs", {"task": "echo"}, Idempotency_Key="k")
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await api.get(again.headers["Location"])).slug == "job-gone"
