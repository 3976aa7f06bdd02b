"""/v1/webhooks and `onewriter webhooks`: definitions, ETags, deliveries; the scheduler's part a test does."""

import io
import json
from typing import Any

import pytest

from app.cli.main import run
from tests.api.conftest import Api, Reply
from tests.support.cluster import Database
from tests.support.protocol import Session, done

PATH = "/v1/webhooks/hook"
HOOK = {"url": "https://example.com/hook", "events": ["job.*"]}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def make(api: Api, name: str = "hook", **fields: Any) -> Reply:
    reply = await api.post("/v1/webhooks", {"name": name, **HOOK, **fields})
    assert reply.status == 201, reply.body
    return reply


async def fail(api: Api) -> int:
    """A message that becomes a dead letter: its delivery's id."""
    job = await api.enqueue()
    assert (await api.post(f"/v1/jobs/{job}/cancel")).status == 202
    server = await api.db.aconnect("server")
    await server.execute("select server_api.deliver_webhooks()")
    worker = Session(api.db, queues=["webhooks"])
    worker.exchange(done=[done(held, None, "failed", error="NotDelivered: 500") for held in worker.claim(9)])
    (newest, *_) = (await api.get(f"{PATH}/deliveries?status=failed")).body["items"]
    return int(newest["id"])


async def test_a_webhooks_life(api: Api) -> None:
    made = await make(api)
    assert (made.headers["Location"], made.headers["ETag"]) == (PATH, '"1"')
    assert made.body["secret"].startswith("whsec_")
    assert (made.body["enabled"], made.body["tasks"], made.body["created_by"]) == (True, None, "boss")
    shown = await api.get(PATH)
    assert (shown.status, shown.body) == (200, {**made.body, "secret": None})
    assert (await api.get(PATH, If_None_Match='"1"')).status == 304
    assert [one["name"] for one in (await api.get("/v1/webhooks")).body["items"]] == ["hook"]
    assert made.body["secret"] not in json.dumps((await api.get("/v1/webhooks")).body)
    put = await api.call("PUT", PATH, {**HOOK, "tasks": ["billing.*"]})
    assert (put.status, put.headers["ETag"], put.body["tasks"]) == (200, '"2"', ["billing.*"])
    patched = await api.call("PATCH", PATH, {"tasks": None, "description": "d"})
    assert (patched.body["tasks"], patched.body["description"]) == (None, "d")
    assert patched.body["url"] == HOOK["url"]
    disabled = await api.post(f"{PATH}/disable", {"reason": "it moves"})
    assert (disabled.body["enabled"], disabled.body["disabled_reason"]) == (False, "it moves")
    assert (await api.post(f"{PATH}/enable")).body["enabled"]
    rotated = await api.post(f"{PATH}/rotate", {"secret": SECRET})
    assert rotated.body == {"secret": SECRET}
    assert (await api.post(f"{PATH}/rotate")).body["secret"] != SECRET
    assert (await api.get(PATH)).body["rotated_at"]
    assert (await api.call("DELETE", f"{PATH}?reason=done")).status == 204
    assert (await api.get(PATH)).slug == "webhook-not-found"


async def test_a_secret_may_be_given(api: Api) -> None:
    assert (await make(api, secret=SECRET)).body["secret"] == SECRET
    new = await api.call("PUT", "/v1/webhooks/other", HOOK)
    assert (new.status, new.body["secret"].startswith("whsec_")) == (201, True)


async def test_whoever_was_slower_is_told(api: Api) -> None:
    await make(api)
    assert (await api.post("/v1/webhooks", {"name": "hook", **HOOK})).slug == "webhook-exists"
    other = {**HOOK, "events": ["*"]}
    for method in ("PUT", "PATCH", "DELETE"):
        body = None if method == "DELETE" else other
        assert (await api.call(method, PATH, body, If_Match='"7"')).slug == "revision-conflict"
    assert (await api.call("PUT", PATH, other, If_None_Match="*")).slug == "revision-conflict"
    assert (await api.call("PUT", PATH, other, If_Match='"1"')).headers["ETag"] == '"2"'


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("name", {"name": "a b"}),
        ("url", {"url": "ftp://example.com"}),
        ("url", {"url": "https://me:pass@example.com"}),
        ("url", {"url": 5}),
        ("events[0]", {"events": ["job.started"]}),
        ("events", {"events": []}),
        ("tasks", {"tasks": []}),
        ("secret", {"secret": "whsec_x"}),
        ("more", {"more": 1}),
    ],
)
async def test_what_is_no_webhook_is_named(api: Api, field: str, change: dict[str, Any]) -> None:
    reply = await api.post("/v1/webhooks", {"name": "hook", **HOOK, **change})
    assert (reply.status, reply.fields) == (422, [field])
    assert (await api.call("PATCH", PATH, {"url": None})).status == 422


async def test_what_there_is_not_is_a_404(api: Api) -> None:
    await make(api)
    for name in ("nope", "a%00b", "%ff", "-x", "x" * 101):
        path = f"/v1/webhooks/{name}"
        for method, rest, body in (
            ("GET", "", None), ("PUT", "", HOOK) if name != "nope" else ("GET", "", None),
            ("PATCH", "", {}), ("DELETE", "", None), ("POST", "/enable", None), ("POST", "/disable", None),
            ("POST", "/rotate", None), ("POST", "/ping", None), ("GET", "/deliveries", None),
            ("POST", "/deliveries:replay", None), ("POST", "/deliveries/1/replay", None),
        ):  # fmt: skip
            assert (await api.call(method, path + rest, body)).slug == "webhook-not-found", (method, path)
    for delivery in ("1", "0", "x", "99999999999999999999"):
        assert (await api.post(f"{PATH}/deliveries/{delivery}/replay")).slug == "not-found"


async def test_a_key_with_patterns_or_without_the_scope_is_refused(api: Api) -> None:
    limited = await api.make_key("limited", "admin", tasks=["*"], queues=["default"])
    other = await api.make_key("other", "jobs:read", "jobs:write", "jobs:operate", "schedules:write")
    calls = ("GET", "/v1/webhooks", None), ("POST", "/v1/webhooks", {"name": "hook", **HOOK})
    for method, path, body in calls:
        assert (await api.call(method, path, body, key=limited)).slug == "not-allowed"
        assert (await api.call(method, path, body, key=other)).slug == "missing-scope"


async def test_deliveries_are_listed_and_sent_again(api: Api) -> None:
    await make(api)
    first, second, third = [await fail(api) for _ in range(3)]
    page = (await api.get(f"{PATH}/deliveries?limit=2")).body
    assert [one["id"] for one in page["items"]] == [third, second]
    rest = (await api.get(f"{PATH}/deliveries?limit=2&cursor={page['next_cursor']}")).body
    assert ([one["id"] for one in rest["items"]], rest["next_cursor"]) == ([first], None)
    (item,) = rest["items"]
    assert (item["status"], item["event"], item["attempts"]) == ("failed", "job.cancelled", 1)
    again = await api.post(f"{PATH}/deliveries/{first}/replay", {"reason": "it is back"})
    assert (again.status, again.body["message_id"]) == (202, item["message_id"])
    (pending,) = (await api.get(f"{PATH}/deliveries?status=pending")).body["items"]
    assert (pending["id"], pending["replay_of"]) == (again.body["delivery_id"], first)
    reply = await api.post(f"{PATH}/deliveries/{pending['id']}/replay")
    assert reply.slug == "state-conflict"
    everything = await api.post(f"{PATH}/deliveries:replay", {"since": "2026-01-01T00:00:00Z"})
    assert (everything.status, everything.body["replayed"]) == (202, 2)
    await api.post(f"{PATH}/disable")
    assert (await api.post(f"{PATH}/deliveries:replay")).slug == "state-conflict"
    ping = await api.post(f"{PATH}/ping")
    assert (ping.status, ping.body["message_id"].startswith("msg_")) == (202, True)
    job = (await api.get(f"/v1/jobs/{ping.body['job_id']}")).body
    assert (job["task"], job["queue"], job["cause"]["actor"]) == ("webhook.deliver", "webhooks", "boss")


def test_the_command_line(
    db: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONEWRITER_DATABASE_URL", db.dsn("server"))

    def ask(*arguments: str) -> Any:
        assert run(["webhooks", *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    options = ["--url", HOOK["url"], "--event", "job.failed", "--event", "run.*"]
    assert run(["webhooks", "create", "hook", *options, "--task", "x.*"]) == 0  # type: ignore[list-item]
    assert capsys.readouterr().out.startswith("whsec_"), "nothing but the secret"
    assert run(["webhooks", "create", "hook", *options]) == 4  # type: ignore[list-item]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    made = ["create", "other", *options, "--secret-file", "-"]
    assert ask(*made)["secret"] == SECRET  # type: ignore[arg-type]
    assert [(one["name"], one["events"], one["tasks"]) for one in ask("ls")] == [
        ("hook", ["job.failed", "run.*"], ["x.*"]), ("other", ["job.failed", "run.*"], None),
    ]  # fmt: skip
    assert run(["webhooks", "edit", "hook", "--event", "*", "--all-tasks", "--reason", "more"]) == 0
    shown = ask("show", "hook")
    assert (shown["events"], shown["tasks"], shown["url"]) == (["*"], None, HOOK["url"])
    assert run(["webhooks", "disable", "hook", "--reason", "it moves"]) == 0
    assert ask("show", "hook")["disabled_reason"] == "it moves"
    assert run(["webhooks", "enable", "hook"]) == 0
    assert run(["webhooks", "rotate", "hook"]) == 0
    assert capsys.readouterr().out.startswith("whsec_")
    sent = ask("ping", "hook")
    assert [one["id"] for one in ask("deliveries", "hook", "--status", "pending")] == [sent["delivery_id"]]
    assert run(["webhooks", "replay", "hook", str(sent["delivery_id"])]) == 4
    assert run(["webhooks", "replay", "hook", "--all"]) == 0
    assert run(["webhooks", "replay", "hook"]) == 2
    assert run(["webhooks", "rm", "hook"]) == 0
    assert run(["webhooks", "show", "hook"]) == 3
