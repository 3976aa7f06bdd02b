"""Every route of the registry, whatever is added to it, against every kind of key: closed by default."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.commands.keys import SCOPES, revoke_key
from app.http.registry import Route
from app.http.routes import ROUTES
from tests.api.conftest import Api, Reply, until
from tests.support.protocol import done

# Everybody may ask these. A route that is open and not named here is a mistake.
OPEN = {
    ("GET", path)
    for path in ("/", "/livez", "/readyz", "/openapi.json", "/docs", "/problems", "/problems/{slug}")
}
CLOSED = [route for route in ROUTES if route.scope is not None]
# These ask for a key without patterns: what they do reaches every queue and task.
WHOLE = ("/v1/secrets", "/v1/webhooks")
OF_A_JOB = [route for route in CLOSED if "{job_id}" in route.path]
VALUES = {"slug": "not-found"}
FOREIGN: list[dict[str, list[str]]] = [
    {"queues": ["elsewhere"]},
    {"tasks": ["ech", "ECHO", "echo?"]},
    {"queues": [], "tasks": ["*"]},
]


def path_of(route: Route, **values: Any) -> str:
    """The path with its parameters filled; what nobody gave a value is 1, which nothing is called."""
    given = {**VALUES, **{name: str(value) for name, value in values.items()}}
    return re.sub(r"{(\w+)}", lambda found: given.get(found[1], "1"), route.path)


def body_of(route: Route) -> dict[str, Any] | None:
    """A body that comes as far as the job: the verbs have a reason."""
    fields = {field.name for field in msgspec.structs.fields(route.body)} if route.body else set()
    return {"reason": "matrix"} if "reason" in fields else None


def methods(route: Route) -> Sequence[str]:
    """HEAD is served beside GET, and must not be a way around."""
    streams = any(answer.media == "text/event-stream" for answer in route.answers)
    return ["GET", "HEAD"] if route.method == "GET" and not streams else [route.method]


def test_every_route_has_a_scope_or_is_named_here() -> None:
    assert {(route.method, route.path) for route in ROUTES if route.scope is None} == OPEN
    assert {route.scope for route in CLOSED} <= set(SCOPES)


async def test_what_is_open_is_open(api: Api) -> None:
    for route in ROUTES:
        if route.scope is None:
            for method in methods(route):
                assert (await api.call(method, path_of(route), key=None)).status == 200, route.path


async def test_without_a_valid_key_nothing_answers(api: Api) -> None:
    async with api.services.connection() as conn:
        revoked = await api.make_key("revoked", *SCOPES)
        await revoke_key(conn, name="revoked", actor="tests")
    expired = await api.make_key("expired", *SCOPES, expires_at=datetime.now(UTC) + timedelta(seconds=0.2))

    async def refused() -> bool:
        return all([(await api.get("/v1/jobs", key=key)).status == 401 for key in (revoked, expired)])

    await until(refused)
    bad = [
        None, "Bearer", "Bearer ", f"Bearer {revoked}", f"Bearer {expired}", "Bearer ow_unknown",
        f"bearer {api.key}", f"Basic {api.key}", f"Bearer {api.key}x", f"Bearer {api.key[:-1]}",
        f"Bearer x, Bearer {api.key}", api.key, "Bearer ü", "Bearer " + "a" * 4000,
    ]  # fmt: skip
    for route in CLOSED:
        for method in methods(route):
            for header in bad:
                headers = {} if header is None else {"Authorization": header}
                reply = await api.call(method, path_of(route), body_of(route), key=None, **headers)
                assert reply.status == 401, (method, route.path, header)
                assert reply.headers["WWW-Authenticate"] == "Bearer"
                assert method == "HEAD" or reply.slug == "unauthenticated"


@pytest.mark.parametrize("limits", [{}, *FOREIGN[:2]], ids=str)
async def test_a_scope_opens_its_own_routes_and_no_other(api: Api, limits: dict[str, list[str]]) -> None:
    for scope in SCOPES:
        token = await api.make_key(scope, scope, **limits)
        for route in CLOSED:
            for method in methods(route):
                reply = await api.call(method, path_of(route), body_of(route), key=token)
                cell = (method, route.path, scope)
                if limits and route.path.startswith(WHOLE) and scope == "admin":
                    assert reply.status == 403, cell
                    assert method == "HEAD" or reply.slug == "not-allowed"
                elif scope in (route.scope, "admin"):
                    assert reply.status not in (401, 403), cell
                else:
                    assert reply.status == 403, cell
                    assert method == "HEAD" or (reply.slug, reply.body["scope"]) == (
                        "missing-scope",
                        route.scope,
                    )


async def test_all_scopes_but_one_do_not_open_its_routes(api: Api) -> None:
    for missing in {route.scope for route in CLOSED}:
        others = [scope for scope in SCOPES if scope not in (missing, "admin")]
        token = await api.make_key(f"without {missing}", *others)
        for route in CLOSED:
            if route.scope == missing:
                reply = await api.call(route.method, path_of(route), body_of(route), key=token)
                assert (reply.status, reply.slug) == (403, "missing-scope"), route.path


async def jobs_in_every_state(api: Api) -> dict[str, int]:
    """A job each, and one that is gone, all of the task echo in the queue default."""
    worker = api.session()
    jobs = {state: await api.enqueue() for state in ("running", "succeeded", "gone")}
    held = {item["id"]: item for item in worker.claim(3)}
    worker.exchange(done=[done(held[jobs["succeeded"]]), done(held[jobs["gone"]])])
    assert (await api.call("DELETE", f"/v1/jobs/{jobs['gone']}")).status == 204
    jobs["ready"] = await api.enqueue()
    jobs["scheduled"] = await api.enqueue(delay=3600)
    jobs["cancelled"] = await api.enqueue(queueing_lock="taken")
    assert (await api.post(f"/v1/jobs/{jobs['cancelled']}/cancel")).status == 202
    jobs["locked"] = await api.enqueue(queueing_lock="taken")
    return jobs


def told(reply: Reply, job_id: int) -> Any:
    """All that an answer says, but for the id that was asked for."""
    varies = ("date", "x-request-id", "content-length")
    headers = {name: value for name, value in reply.headers.items() if name.lower() not in varies}
    said = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
    return reply.status, headers, said.replace(f"id {job_id}".encode(), b"id")


def recorded(api: Api) -> Any:
    """Whatever a request may leave behind."""
    with api.db.connect("admin") as admin:
        tables = ("procrastinate.procrastinate_jobs", "jobs.job_event", "jobs.audit", "jobs.idempotency")
        return [
            admin.execute(f"select t::text from {table} as t order by 1".encode()).fetchall()
            for table in tables
        ]


@pytest.mark.parametrize("limits", FOREIGN, ids=str)
async def test_what_a_key_may_not_see_leaves_no_trace(api: Api, limits: dict[str, list[str]]) -> None:
    jobs = await jobs_in_every_state(api)
    token = await api.make_key("limited", *SCOPES, **limits)
    never = max(jobs.values()) + 100_000
    before = recorded(api)
    for route in OF_A_JOB:
        for method in methods(route):
            answers = {
                state: told(
                    await api.call(method, path_of(route, job_id=job), body_of(route), key=token), job
                )
                for state, job in {**jobs, "never": never}.items()
            }
            assert answers["never"][0] == 404, (method, route.path)
            assert answers == dict.fromkeys(answers, answers["never"]), (method, route.path)
    waiting = await api.get(f"/v1/jobs/{jobs['ready']}/result?wait=30", key=token)
    assert waiting.slug == "job-not-found", "it does not wait either"
    for query in ("", "?status=running", "?queue=default", "?task=echo", "?limit=1"):
        assert (await api.get(f"/v1/jobs{query}", key=token)).body == {"items": [], "next_cursor": None}
    assert recorded(api) == before


@pytest.mark.parametrize("limits", FOREIGN, ids=str)
async def test_what_a_key_may_not_see_it_may_not_add_to(api: Api, limits: dict[str, list[str]]) -> None:
    token = await api.make_key("limited", *SCOPES, **limits)
    before = recorded(api)
    for key in ({}, {"Idempotency_Key": "k"}):
        for path, body in (("/v1/jobs", {"task": "echo"}), ("/v1/jobs:batch", {"jobs": [{"task": "echo"}]})):
            reply = await api.post(path, body, key=token, **key)
            assert (reply.status, reply.slug) == (403, "not-allowed")
    assert recorded(api) == before


async def test_a_tasks_pattern_hides_the_task(api: Api) -> None:
    token = await api.make_key("limited", "admin", tasks=["monthly"])
    names = [route for route in CLOSED if route.path.startswith("/v1/tasks")]
    assert names
    for route in names:
        replies = [
            await api.call(route.method, path_of(route, name=name), key=token) for name in ("echo", "nope")
        ]
        if "{name}" in route.path:
            hidden, never = [told(reply, 0)[0] for reply in replies]
            assert (hidden, never) == (404, 404)
            assert replies[0].body["detail"].replace("echo", "nope") == replies[1].body["detail"]
        else:
            assert [task["name"] for task in replies[0].body["items"]] == ["monthly"]


async def test_a_lock_that_is_taken_does_not_say_by_what(api: Api) -> None:
    """The queueing_lock is one for all queues: a limited key hears that it is taken, not by which job."""
    holder = await api.enqueue(queueing_lock="taken")
    token = await api.make_key("limited", "jobs:write", queues=["reports"])
    body = {"task": "echo", "queue": "reports", "queueing_lock": "taken"}
    for path, sent in (("/v1/jobs", body), ("/v1/jobs:batch", {"jobs": [body]})):
        seen, hidden = await api.post(path, sent), await api.post(path, sent, key=token)
        assert (seen.slug, seen.body["job_id"]) == ("queueing-lock-taken", holder)
        assert hidden.slug == "queueing-lock-taken"
        assert str(holder) not in str({**hidden.body, "status": None})


async def test_a_cursor_is_of_use_to_its_key_alone(api: Api) -> None:
    for _ in range(3):
        await api.enqueue()
    cursor = (await api.get("/v1/jobs?limit=1")).body["next_cursor"]
    token = await api.make_key("other", "jobs:read")
    assert (await api.get(f"/v1/jobs?limit=1&cursor={cursor}", key=token)).slug == "invalid-cursor"
