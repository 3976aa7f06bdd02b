"""Lists, cursors, one job, attempts, the catalogue."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from app.commands.tasks import publish_tasks
from tests.api.conftest import Api
from tests.support.protocol import done


async def test_pages_cover_everything_once(api: Api) -> None:
    ids = [await api.enqueue() for _ in range(7)]
    seen, path = [], "/v1/jobs?limit=3"
    while path:
        page = (await api.get(path)).body
        seen += [job["id"] for job in page["items"]]
        path = f"/v1/jobs?limit=3&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == ids[::-1]


async def test_the_last_page_has_no_cursor(api: Api) -> None:
    for _ in range(3):
        await api.enqueue()
    assert (await api.get("/v1/jobs?limit=3")).body["next_cursor"] is None


async def test_filters(api: Api) -> None:
    echo = await api.enqueue(key="acme")
    later = await api.enqueue(delay=60)
    report = await api.enqueue("monthly", args={"month": "m"})
    now = datetime.now(UTC)
    past, future = (quote((now + timedelta(hours=h)).isoformat()) for h in (-1, 1))
    for query, expected in {
        "status=scheduled": [later],
        "status=ready": [report, echo],
        "queue=reports": [report],
        "task=echo": [later, echo],
        "key=acme": [echo],
        "task=echo&status=ready": [echo],
        f"created_after={past}": [report, later, echo],
        f"created_after={future}": [],
        f"created_before={past}": [],
        "queue=no%25%27--": [],
        "queue=null": [],
    }.items():
        reply = await api.get(f"/v1/jobs?{query}")
        assert [job["id"] for job in reply.body["items"]] == expected, query


async def test_cursors_from_elsewhere(api: Api) -> None:
    for _ in range(3):
        await api.enqueue()
    cursor = (await api.get("/v1/jobs?limit=1&task=echo")).body["next_cursor"]
    other = await api.make_key("other", "jobs:read")
    forged = base64.urlsafe_b64encode(b"\0" * 24).decode()
    assert (await api.get(f"/v1/jobs?limit=2&task=echo&cursor={cursor}")).status == 200
    for path, key in [
        (f"/v1/jobs?limit=1&cursor={cursor}", api.key),
        (f"/v1/jobs?task=monthly&cursor={cursor}", api.key),
        (f"/v1/jobs?task=echo&cursor={cursor}", other),
        (f"/v1/jobs?task=echo&cursor={cursor[:-4]}", api.key),
        (f"/v1/jobs?task=echo&cursor={forged}", api.key),
        ("/v1/jobs?cursor=%F0%9F%98%80", api.key),
        ("/v1/jobs?cursor=***", api.key),
    ]:
        reply = await api.get(path, key=key)
        assert (reply.status, reply.slug, reply.fields) == (422, "invalid-cursor", ["cursor"]), path


async def test_attempts(api: Api) -> None:
    job_id = await api.enqueue()
    assert (await api.get(f"/v1/jobs/{job_id}/attempts")).body == {"items": []}
    session = api.session()
    session.exchange(done=[done(session.claim()[0], {"n": 1})])
    (attempt,) = (await api.get(f"/v1/jobs/{job_id}/attempts")).body["items"]
    assert (attempt["attempt"], attempt["status"], attempt["result"]) == (1, "succeeded", {"n": 1})
    assert attempt["worker"] == "tests/worker"
    assert attempt["finished_at"].endswith("Z")


async def test_catalogue(api: Api) -> None:
    tasks = (await api.get("/v1/tasks")).body["items"]
    assert [task["name"] for task in tasks] == ["echo", "monthly", "renamed", "single"]
    task = (await api.get("/v1/tasks/monthly")).body
    assert (task["queue"], task["max_attempts"], task["source"]) == ("reports", 5, "tests")
    assert task["schema"]["required"] == ["month"]
    assert (await api.get("/v1/tasks/nope")).slug == "not-found"


async def test_a_published_catalogue_is_used_at_once(api: Api) -> None:
    assert (await api.post("/v1/jobs", {"task": "new"})).slug == "unknown-task"
    async with api.services.connection() as conn:
        await publish_tasks(
            conn, source="more", catalogue=b'{"catalogue":1,"tasks":[{"name":"new","schema":{}}]}', actor="t"
        )
    # LISTEN has heard it as soon as the cache is stale; nothing else drops it
    reply = await api.post("/v1/jobs", {"task": "new"})
    while reply.status != 201:
        reply = await api.post("/v1/jobs", {"task": "new"})
    assert reply.body["queue"] == "default"
