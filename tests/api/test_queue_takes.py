"""A queue that takes some tasks only: the API says so, and a neighbour in the same flush is not harmed."""

import asyncio

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.pg15(soak=True)


@pytest.fixture
def guarded(api: Api) -> Api:
    """`reports` is what a login of `monthly` claims from."""
    admin = api.db.connect("admin")
    admin.execute("select jobs.create_worker_login('host', null, '{month*}', null, 'tests')")
    return api


async def test_a_job_of_another_task_is_refused_alone(guarded: Api) -> None:
    bad = {"task": "echo", "queue": "reports"}
    good = {"task": "monthly", "args": {"month": "2026-10"}}
    replies = await asyncio.gather(
        *(guarded.post("/v1/jobs", body) for body in [good, good, bad, {"task": "echo"}, good])
    )
    assert [reply.status for reply in replies] == [201, 201, 422, 201, 201]
    refused = replies[2]
    assert (refused.slug, refused.fields) == ("queue-refuses-task", ["queue"])
    assert (refused.body["queue"], refused.body["task"], refused.body["takes"]) == (
        "reports", "echo", ["month*"],
    )  # fmt: skip


async def test_in_a_batch_it_is_named_by_its_place(guarded: Api) -> None:
    jobs = [{"task": "echo"}, {"task": "echo", "queue": "reports"}]
    reply = await guarded.post("/v1/jobs:batch", {"jobs": jobs})
    assert (reply.status, reply.slug, reply.fields) == (422, "queue-refuses-task", ["jobs[1].queue"])
    assert (await guarded.get("/v1/jobs")).body["items"] == []
