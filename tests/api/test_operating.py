"""cancel, retry, run-now: codes, who is told, what is kept."""

from tests.api.conftest import Api
from tests.support.protocol import done

NONE = {"cancelled": 0, "abort_requested": 0, "flows": 0}


async def test_cancel_waiting(api: Api) -> None:
    job_id = await api.enqueue()
    reply = await api.post(f"/v1/jobs/{job_id}/cancel", {"reason": "no need"})
    assert (reply.status, reply.headers["Location"]) == (202, f"/v1/jobs/{job_id}")
    assert reply.body == {
        "id": job_id,
        "status": "cancelled",
        "abort_requested": False,
        "children": NONE,
    }
    again = await api.post(f"/v1/jobs/{job_id}/cancel")
    assert (again.status, again.slug, again.body["job_status"]) == (409, "state-conflict", "cancelled")


async def test_cancel_running_tells_the_worker(api: Api) -> None:
    job_id = await api.enqueue()
    session = api.session()
    (job,) = session.claim()
    conn = await api.db.aconnect("worker")
    await conn.execute(f"listen ow_w_{session.id}")
    reply = await api.post(f"/v1/jobs/{job_id}/cancel")
    assert reply.body == {"id": job_id, "status": "running", "abort_requested": True, "children": NONE}
    async for notify in conn.notifies(timeout=10, stop_after=1):
        assert notify.channel == f"ow_w_{session.id}"
        break
    else:
        raise AssertionError("the worker was not told")
    session.exchange(done=[done(job, None, "aborted")])
    assert (await api.get(f"/v1/jobs/{job_id}")).body["status"] == "aborted"


async def test_retry_of_a_failed_job(api: Api) -> None:
    job_id = await api.enqueue()
    assert (await api.post(f"/v1/jobs/{job_id}/retry")).slug == "state-conflict"
    session = api.session()
    session.exchange(done=[done(session.claim()[0], None, "failed", error="boom", reason="error")])
    reply = await api.post(f"/v1/jobs/{job_id}/retry", {"reason": "fixed it"})
    assert (reply.status, reply.body["status"]) == (202, "ready")
    assert session.claim()[0]["id"] == job_id


async def test_retry_refused_while_another_waits(api: Api) -> None:
    first = await api.enqueue("single")
    await api.post(f"/v1/jobs/{first}/cancel")
    second = await api.enqueue("single")
    reply = await api.post(f"/v1/jobs/{first}/retry")
    assert (reply.status, reply.slug, reply.body["job_id"]) == (409, "queueing-lock-taken", second)


async def test_run_now_of_a_scheduled_job(api: Api) -> None:
    job_id = await api.enqueue(delay=3600)
    reply = await api.post(f"/v1/jobs/{job_id}/run-now", {"reason": "customer call"})
    assert (reply.status, reply.headers["Location"]) == (202, f"/v1/jobs/{job_id}")
    assert (await api.get(f"/v1/jobs/{job_id}")).body["status"] == "ready"


async def test_run_now_of_a_finished_job(api: Api) -> None:
    job_id = await api.enqueue(args={"n": 1})
    session = api.session()
    session.exchange(done=[done(session.claim()[0], 1)])
    reply = await api.post(f"/v1/jobs/{job_id}/run-now", {"reason": "again"}, X_Request_Id="r9")
    assert reply.status == 201
    new = (await api.get(reply.headers["Location"])).body
    assert new["id"] != job_id
    assert new["args"] == {"n": 1}
    assert (new["cause"]["kind"], new["cause"]["actor"], new["cause"]["reason"]) == (
        "operator",
        "boss",
        "again",
    )
    assert str(job_id) in new["cause"]["ref"]
    audit = (
        api.db.connect("server").execute("select actor, reason from server_api.audit order by id").fetchall()
    )
    assert audit[-1] == ("boss", "again")


async def test_run_now_of_a_running_job(api: Api) -> None:
    job_id = await api.enqueue()
    api.session().claim()
    reply = await api.post(f"/v1/jobs/{job_id}/run-now", {"reason": "hurry"})
    assert (reply.status, reply.slug, reply.body["job_status"]) == (409, "state-conflict", "running")
