"""POST /v1/jobs:batch: all or nothing, errors by index."""

import asyncio
import json

from tests.api.conftest import Api


async def test_all_in_order(api: Api) -> None:
    jobs = [{"task": "echo", "args": {"n": n}} for n in range(50)]
    reply = await api.post("/v1/jobs:batch", {"jobs": jobs})
    assert reply.status == 201
    ids = reply.body["ids"]
    assert len(set(ids)) == 50
    assert (await api.get(f"/v1/jobs/{ids[17]}")).body["args"] == {"n": 17}


async def test_nothing_is_stored_if_one_is_bad(api: Api) -> None:
    jobs = [{"task": "monthly", "args": {"month": "m"}} for _ in range(20)]
    jobs[17] = {"task": "monthly", "args": {"month": 17}}
    jobs[18] = {"task": "monthly", "args": {}}
    reply = await api.post("/v1/jobs:batch", {"jobs": jobs})
    assert (reply.status, reply.slug) == (422, "invalid-arguments")
    assert reply.fields == ["jobs[17].args.month", "jobs[18].args.month"]
    assert (await api.get("/v1/jobs")).body["items"] == []


async def test_nothing_is_stored_if_a_queueing_lock_is_taken(api: Api) -> None:
    first = await api.enqueue("single")
    reply = await api.post(
        "/v1/jobs:batch", {"jobs": [{"task": "echo"}, {"task": "echo"}, {"task": "single"}]}
    )
    assert (reply.status, reply.slug, reply.body["job_id"]) == (409, "queueing-lock-taken", first)
    assert reply.fields == ["jobs[2].queueing_lock"]
    assert len((await api.get("/v1/jobs")).body["items"]) == 1


async def test_the_same_queueing_lock_twice_in_one_batch(api: Api) -> None:
    reply = await api.post("/v1/jobs:batch", {"jobs": [{"task": "single"}, {"task": "single"}]})
    assert (reply.status, reply.fields) == (409, ["jobs[1].queueing_lock"])


async def test_limits(api: Api) -> None:
    for jobs in ([], [{"task": "echo"}] * 10_001):
        reply = await api.post("/v1/jobs:batch", {"jobs": jobs})
        assert (reply.status, reply.fields) == (422, ["jobs"])
    huge = json.dumps({"jobs": [{"task": "echo", "args": {"x": "a" * 60_000}}] * 300}).encode()
    assert len(huge) > 16 * 1024 * 1024
    reply = await api.post("/v1/jobs:batch", huge)
    assert (reply.status, reply.slug) == (422, "body-too-large")


async def test_ten_thousand(api: Api) -> None:
    reply = await api.post("/v1/jobs:batch", {"jobs": [{"task": "echo"}] * 10_000})
    assert reply.status == 201
    assert len(set(reply.body["ids"])) == 10_000


async def test_idempotent(api: Api) -> None:
    body = {"jobs": [{"task": "echo"}, {"task": "echo"}]}
    first, second = await asyncio.gather(
        api.post("/v1/jobs:batch", body, Idempotency_Key="b"),
        api.post("/v1/jobs:batch", body, Idempotency_Key="b"),
    )
    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    assert sorted(("Idempotent-Replayed" in r.headers) for r in (first, second)) == [False, True]
    reply = await api.post("/v1/jobs:batch", {"jobs": [{"task": "echo"}]}, Idempotency_Key="b")
    assert reply.slug == "idempotency-key-reused"


async def test_one_cause_for_all(api: Api) -> None:
    reply = await api.post("/v1/jobs:batch", {"jobs": [{"task": "echo"}] * 2}, X_Request_Id="r1")
    for job_id in reply.body["ids"]:
        job = (await api.get(f"/v1/jobs/{job_id}")).body
        assert job["cause"] == {"kind": "http", "actor": "boss", "request_id": "r1"}
