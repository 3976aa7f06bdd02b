"""Children, flows, and cancelling what follows: over HTTP."""

import json
from typing import Any

import pytest

from tests.api.conftest import Api
from tests.support.protocol import Session, done, job

MONTH = {"month": "2026-01"}


def start(api: Api, *items: dict[str, Any]) -> dict[str, Any]:
    row = api.db.connect("server").execute("select server_api.start_jobs(%s)", [json.dumps(items)]).fetchone()
    assert row is not None
    answer: dict[str, Any] = json.loads(row[0])
    return answer


def advance(api: Api) -> None:
    api.db.connect("server").execute("select server_api.advance_flows()")


def finish(session: Session) -> None:
    session.exchange(done=[done(item, 1) for item in session.claim()])


@pytest.fixture
def chain(api: Api) -> dict[str, Any]:
    """Of two steps, in two queues; the first has succeeded."""
    steps = [job(), job(task="monthly", queue="reports", args=MONTH)]
    started = start(api, {"flow": {"kind": "chain", "jobs": steps, "results": "days"}})
    finish(api.session())
    advance(api)
    return started


async def test_a_job_shows_its_children_and_its_parent(api: Api, chain: dict[str, Any]) -> None:
    (first,), (flow_id,) = chain["ids"], chain["flows"]
    reply = await api.get(f"/v1/jobs/{first}/children")
    assert (reply.status, reply.body["flows"], reply.body["next_cursor"]) == (200, [], None)
    (child,) = reply.body["items"]
    assert (child["task"], child["status"], child["flow_id"]) == ("monthly", "ready", flow_id)
    shown = (await api.get(f"/v1/jobs/{child['id']}")).body
    assert (shown["parent_id"], shown["cause"]["ref"]) == (first, f"flow {flow_id}")
    assert (await api.get(f"/v1/jobs/{first}")).body["parent_id"] is None
    assert (await api.get("/v1/jobs/999/children")).slug == "job-not-found"


async def test_a_flow_shows_its_members_in_pages(api: Api, chain: dict[str, Any]) -> None:
    (flow_id,) = chain["flows"]
    reply = await api.get(f"/v1/flows/{flow_id}?limit=1")
    assert reply.body["flow"]["kind"] == "chain"
    counts = {name: reply.body["flow"][name] for name in ("members", "started", "succeeded", "failed")}
    assert counts == {"members": 2, "started": 2, "succeeded": 1, "failed": 0}
    assert [one["n"] for one in reply.body["items"]] == [1]
    more = await api.get(f"/v1/flows/{flow_id}?limit=1&cursor={reply.body['next_cursor']}")
    assert [(one["n"], one["status"]) for one in more.body["items"]] == [(2, "ready")]
    assert more.body["next_cursor"] is None
    for missing in ("999", "x", "-1"):
        assert (await api.get(f"/v1/flows/{missing}")).slug == "flow-not-found"


async def test_a_limited_key_sees_its_own_members(api: Api, chain: dict[str, Any]) -> None:
    (first,), (flow_id,) = chain["ids"], chain["flows"]
    reports = await api.make_key("reports", "jobs:read", queues=["reports"])
    other = await api.make_key("other", "jobs:read", queues=["elsewhere"])
    default = await api.make_key("default", "jobs:read", queues=["default"])
    seen = await api.get(f"/v1/flows/{flow_id}", key=reports)
    assert [one["n"] for one in seen.body["items"]] == [2]
    assert (await api.get(f"/v1/flows/{flow_id}", key=other)).slug == "flow-not-found"
    assert (await api.get(f"/v1/jobs/{first}/children", key=default)).body["items"] == []
    assert (await api.get(f"/v1/jobs/{first}/children", key=reports)).slug == "job-not-found"


async def test_cancelling_a_finished_parent_is_asked_for(api: Api, chain: dict[str, Any]) -> None:
    (first,), (flow_id,) = chain["ids"], chain["flows"]
    assert (await api.post(f"/v1/jobs/{first}/cancel")).slug == "state-conflict"
    reply = await api.post(f"/v1/jobs/{first}/cancel", {"children": True, "reason": "enough"})
    assert reply.status == 202
    assert reply.body == {
        "id": first,
        "status": "succeeded",
        "abort_requested": False,
        "children": {"cancelled": 1, "abort_requested": 0, "flows": 1},
    }
    assert (await api.get(f"/v1/flows/{flow_id}")).body["flow"]["state"] == "cancelled"
    (child,) = (await api.get(f"/v1/jobs/{first}/children")).body["items"]
    assert child["status"] == "cancelled"
