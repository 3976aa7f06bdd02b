"""/v1/schedules: definitions, ETags, previews, runs by hand; what the scheduler does, a test does."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from app.commands.keys import SCOPES
from app.http.schedule_reading import CHUNK
from tests.api.conftest import Api, Reply

DAILY = {"cron": "0 3 * * *", "timezone": "Europe/Berlin", "target": {"task": "echo"}}
MONTHLY = {"cron": "0 0 1 * *", "target": {"task": "monthly"}, "args": {"month": "01"}}
REASON = {"reason": "because"}
DEFINITIONS = ("POST", "/v1/schedules"), ("PUT", "/v1/schedules/x"), ("POST", "/v1/schedules/preview")


async def make(api: Api, name: str = "nightly", **fields: Any) -> Reply:
    reply = await api.post("/v1/schedules", {"name": name, **DAILY, **fields})
    assert reply.status == 201, reply.body
    return reply


async def ask(api: Api, query: str, *params: Any) -> Any:
    """A function of the server's, as the scheduler calls it."""
    conn = await api.db.aconnect("server")
    row = await (await conn.execute(query.encode(), params)).fetchone()
    assert row is not None
    return row[0]


async def publish(api: Api, **schedules: Any) -> None:
    listed = [{"name": name, "definition": definition} for name, definition in schedules.items()]
    catalogue = json.dumps({"catalogue": 1, "tasks": [], "schedules": listed})
    await ask(api, "select server_api.publish_tasks('code', %s, 'tests')", catalogue)


async def start(api: Api, run_id: int, *members: dict[str, Any]) -> None:
    """What the scheduler does with a pending run."""
    await ask(api, "select server_api.start_runs(%s)", json.dumps([{"run_id": run_id, "members": members}]))


def member(task: str = "echo") -> dict[str, Any]:
    return {"task": task, "job": {"task": task, "queue": "default", "args": {}}, "error": None}


def every_call(run: int) -> list[tuple[str, str, Any]]:
    """Whatever may be asked of one schedule: method, the rest of its path, body."""
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    return [
        ("GET", "", None),
        ("PATCH", "", {"queue": "elsewhere"}),
        ("DELETE", "", None),
        ("POST", "/pause", None),
        ("POST", "/resume", None),
        ("GET", "/preview", None),
        ("POST", "/run-now", REASON),
        ("POST", "/backfill", {**REASON, **span}),
        ("GET", "/runs", None),
        ("GET", f"/runs/{run}", None),
    ]


async def test_a_schedules_life(api: Api) -> None:
    made = await make(api)
    assert made.headers["Location"] == "/v1/schedules/nightly"
    assert made.headers["ETag"] == '"1"'
    assert made.body["definition"] == DAILY
    assert (made.body["state"], made.body["origin"], made.body["created_by"]) == ("active", "api", "boss")
    assert "03:00" in made.body["words"]
    assert "Europe/Berlin" in made.body["words"]
    next_fire = datetime.fromisoformat(made.body["next_fire_at"])
    assert timedelta() < next_fire - datetime.now(UTC) <= timedelta(hours=25)
    shown = await api.get("/v1/schedules/nightly")
    assert (shown.body, shown.headers["ETag"]) == (made.body, '"1"')
    put = await api.call("PUT", "/v1/schedules/nightly", MONTHLY)
    assert (put.status, put.headers["ETag"], put.body["definition"]) == (200, '"2"', MONTHLY)
    patched = await api.call("PATCH", "/v1/schedules/nightly", {"every": 60, "args": {"days": [1]}})
    assert patched.status == 200
    assert patched.body["definition"] == {
        "every": 60, "target": {"task": "monthly"}, "args": {"month": "01", "days": [1]},
    }  # fmt: skip
    assert (await api.call("DELETE", "/v1/schedules/nightly?reason=done")).status == 204
    assert (await api.get("/v1/schedules/nightly")).slug == "schedule-not-found"
    actions = await ask(
        api,
        "select json_agg(a.action || coalesce(':' || a.reason, '') order by a.id) from server_api.audit as a",
    )
    assert [action for action in actions if action.startswith("schedules")] == [
        "schedules.put", "schedules.put", "schedules.put", "schedules.remove:done",
    ]  # fmt: skip


async def test_put_makes_what_there_is_not_and_post_nothing_else(api: Api) -> None:
    put = await api.call("PUT", "/v1/schedules/nightly", DAILY)
    assert (put.status, put.headers["ETag"]) == (201, '"1"')
    again = await api.call("PUT", "/v1/schedules/nightly", DAILY)
    assert (again.status, again.headers["ETag"]) == (200, '"1"'), "nothing changed"
    assert (await api.post("/v1/schedules", {"name": "nightly", **DAILY})).slug == "schedule-exists"


async def test_what_there_is_not_is_a_404(api: Api) -> None:
    for name in ("nope", "a%00b", "%ff", "-x", "x" * 129):
        for method, rest, body in every_call(1):
            reply = await api.call(method, f"/v1/schedules/{name}{rest}", body)
            assert (reply.status, reply.slug) == (404, "schedule-not-found"), (method, name, rest)
    await make(api)
    for run in ("1", "0", "x", "99999999999999999999"):
        assert (await api.get(f"/v1/schedules/nightly/runs/{run}")).slug == "run-not-found"


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("cron", {"cron": "0 25 * * *"}),
    ("cron", {"cron": 5}),
    ("every", {"cron": None, "every": 0.5}),
    ("timezone", {"timezone": "Mars/Base"}),
    ("timezone", {"timezone": None}),
    ("target", {"target": {}}),
    ("target", {"target": {"task": "echo", "all": True}}),
    ("target.x", {"target": {"x": 1}}),
    ("gap", {"gap": "jump"}),
    ("jitter", {"jitter": 3601}),
    ("args", {"args": [1]}),
    ("nope", {"nope": None}),
]


async def test_a_definition_that_is_none_names_the_field(api: Api) -> None:
    for field, change in WRONG:
        for method, path in DEFINITIONS:
            named = {"name": "x"} if path == "/v1/schedules" else {}
            reply = await api.call(method, path, {**DAILY, **named, **change})
            assert (reply.status, reply.fields) == (422, [field]), (path, change, reply.body)
    for name in ("", "-x", "a b", "x" * 129, 5, None):
        reply = await api.post("/v1/schedules", {"name": name, **DAILY})
        assert (reply.status, reply.fields) == (422, ["name"]), name
    assert (await api.post("/v1/schedules", DAILY)).fields == ["name"]


async def test_a_task_that_nobody_published_is_refused(api: Api) -> None:
    reply = await api.post("/v1/schedules", {"name": "x", **DAILY, "target": {"task": "nope"}})
    assert (reply.status, reply.slug, reply.fields) == (422, "unknown-task", ["target.task"])
    reply = await api.post(
        "/v1/schedules", {"name": "x", **DAILY, "target": {"tasks": ["echo", "nope", "nada"]}}
    )
    assert (reply.slug, reply.fields) == ("unknown-task", ["target.tasks[1]", "target.tasks[2]"])
    assert (await make(api, target={"group": "nobody's"})).status == 201
    patched = await api.call("PATCH", "/v1/schedules/nightly", {"target": {"task": "nope"}})
    assert patched.slug == "unknown-task"


async def test_arguments_are_those_of_every_task_named(api: Api) -> None:
    body = {"name": "x", **DAILY, "target": {"tasks": ["echo", "monthly"]}}
    reply = await api.post("/v1/schedules", body)
    assert (reply.slug, reply.fields) == ("invalid-arguments", ["args.month"])
    assert (await api.post("/v1/schedules", {**body, "args": {"month": "01"}})).status == 201
    reply = await api.post("/v1/schedules/x/run-now", {**REASON, "args": {"month": 1}})
    assert (reply.slug, reply.fields) == ("invalid-arguments", ["args.month"])
    deep = json.loads("[" * 33 + "]" * 33)
    reply = await api.post("/v1/schedules/x/run-now", {**REASON, "args": {"month": "01", "x": deep}})
    assert reply.slug == "invalid-value"


async def test_a_timestamp_is_an_argument_that_comes_later(api: Api) -> None:
    schema = {
        "type": "object",
        "properties": {"timestamp": {"type": "integer"}},
        "required": ["timestamp"],
        "additionalProperties": False,
    }
    tasks = [{"name": "tick", "schema": schema}]
    await ask(
        api,
        "select server_api.publish_tasks('more', %s, 'tests')",
        json.dumps({"catalogue": 1, "tasks": tasks}),
    )
    await make(api, "ticking", target={"task": "tick"}, timestamp=True)
    reply = await api.post("/v1/schedules", {"name": "x", **DAILY, "target": {"task": "tick"}})
    assert (reply.slug, reply.fields) == ("invalid-arguments", ["args.timestamp"])


async def test_if_match_lets_only_one_of_two_change_it(api: Api) -> None:
    etag = (await make(api)).headers["ETag"]
    first = await api.call("PATCH", "/v1/schedules/nightly", {"every": 60}, If_Match=etag)
    assert (first.status, first.headers["ETag"]) == (200, '"2"')
    for method, body in (("PATCH", {"every": 90}), ("PUT", DAILY), ("DELETE", None)):
        second = await api.call(method, "/v1/schedules/nightly", body, If_Match=etag)
        assert (second.status, second.slug, second.body["revision"]) == (412, "revision-conflict", 2), method
    assert (await api.get("/v1/schedules/nightly")).body["definition"]["every"] == 60
    assert (await api.call("DELETE", "/v1/schedules/nightly", If_Match='"7", "2"')).status == 204


async def test_patches_at_the_same_time(api: Api) -> None:
    """With an ETag one of them counts, without one each does."""
    etag = (await make(api)).headers["ETag"]

    async def patch(fields: dict[str, Any], **headers: str) -> int:
        return (await api.call("PATCH", "/v1/schedules/nightly", fields, **headers)).status

    fields = {"jitter": 5, "priority": 1, "lock": "l", "queue": "q"}
    asked = [patch({name: value}, If_Match=etag) for name, value in fields.items()]
    assert sorted(await asyncio.gather(*asked)) == [200, 412, 412, 412]
    asked = [patch({name: value}) for name, value in fields.items()]
    assert await asyncio.gather(*asked) == [200] * 4
    assert (await api.get("/v1/schedules/nightly")).body["definition"] == {**DAILY, **fields}


HEADERS = [
    ("*", 200), ('"1"', 200), ('"0", "1"', 200), (' , "1",, "x"', 200),
    ('W/"1"', 412), ('"01"', 412), ('"2"', 412), ('""', 412),
    ("1", 422), ("", 422), ('"1', 422), ('*, "1"', 422), ('"1""2"', 422), ("'1'", 422), ('w/"1"', 422),
    ('"1", "x y"', 422),
]  # fmt: skip


async def test_if_match_as_it_is_written(api: Api) -> None:
    await make(api)
    for header, status in HEADERS:
        reply = await api.call("PATCH", "/v1/schedules/nightly", {}, If_Match=header)
        assert reply.status == status, header
        assert reply.status != 422 or reply.fields == ["If-Match"]


async def test_if_none_match_makes_and_saves_a_read(api: Api) -> None:
    star = {"If_None_Match": "*"}
    assert (await api.call("PUT", "/v1/schedules/nightly", DAILY, **star)).status == 201
    again = await api.call("PUT", "/v1/schedules/nightly", DAILY, **star)
    assert (again.status, again.slug, again.body["revision"]) == (412, "revision-conflict", 1)
    nothing = await api.call("PUT", "/v1/schedules/other", DAILY, If_Match="*")
    assert (nothing.status, nothing.body["revision"]) == (412, None)
    for known in ('"1"', 'W/"1"', '"7", "1"', "*"):
        reply = await api.get("/v1/schedules/nightly", If_None_Match=known)
        assert (reply.status, reply.body, reply.headers["ETag"]) == (304, b"", '"1"'), known
    assert (await api.get("/v1/schedules/nightly", If_None_Match='"2"')).status == 200
    assert (await api.get("/v1/schedules/nightly", If_None_Match="2")).status == 422


async def test_a_patch_is_a_merge_patch(api: Api) -> None:
    args = {"a": 1, "b": {"c": 2, "d": 3}}
    await make(api, args=args, jitter=60, target={"group": "g"})
    patch = {
        "jitter": None, "args": {"a": None, "b": {"c": None, "e": [None]}},
        "target": {"group": None, "all": True},
    }  # fmt: skip
    reply = await api.call("PATCH", "/v1/schedules/nightly", patch)
    assert reply.body["definition"] == {
        "cron": "0 3 * * *", "timezone": "Europe/Berlin", "target": {"all": True},
        "args": {"b": {"d": 3, "e": [None]}},
    }  # fmt: skip
    assert (await api.call("PATCH", "/v1/schedules/nightly", {"target": {"task": "echo"}})).status == 200
    assert (await api.call("PATCH", "/v1/schedules/nightly", {"cron": None})).status == 422
    assert (await api.call("PATCH", "/v1/schedules/nightly", {"nope": None})).fields == ["nope"]
    assert (await api.call("PATCH", "/v1/schedules/nightly", [])).status == 422


async def test_null_takes_a_published_one_back_to_what_code_says(api: Api) -> None:
    await publish(api, job={**DAILY, "jitter": 5})
    shown = (await api.get("/v1/schedules/job")).body
    assert (shown["origin"], shown["source"], shown["published"]) == ("code", "code", {**DAILY, "jitter": 5})

    async def patched(**fields: Any) -> Any:
        reply = await api.call("PATCH", "/v1/schedules/job", fields)
        assert reply.status == 200, reply.body
        return reply.body["definition"]

    rest = {name: DAILY[name] for name in ("timezone", "target")}
    assert await patched(jitter=9, every=60) == {**rest, "jitter": 9, "every": 60}
    assert await patched(cron=None) == {**rest, "jitter": 9, "every": 60}
    assert await patched(every=None) == {**DAILY, "jitter": 9}
    assert await patched(jitter=None) == {**DAILY, "jitter": 5}
    assert await patched(jitter=0) == DAILY
    reply = await api.call("DELETE", "/v1/schedules/job")
    assert (reply.status, reply.slug) == (409, "state-conflict")
    await publish(api)
    assert (await api.get("/v1/schedules/job")).body["state"] == "vanished"
    assert (await api.call("DELETE", "/v1/schedules/job")).status == 204


async def test_pause_and_resume(api: Api) -> None:
    await make(api)
    paused = await api.post("/v1/schedules/nightly/pause", {"reason": "holidays"})
    assert (paused.status, paused.headers["ETag"]) == (200, '"2"')
    assert (paused.body["state"], paused.body["next_fire_at"]) == ("paused", None)
    assert (paused.body["paused_by"], paused.body["paused_reason"]) == ("boss", "holidays")
    resumed = await api.post("/v1/schedules/nightly/resume")
    assert (resumed.body["state"], resumed.body["paused_reason"]) == ("active", None)
    disabled = await api.call("PATCH", "/v1/schedules/nightly", {"enabled": False})
    assert (disabled.body["state"], disabled.body["next_fire_at"]) == ("disabled", None)


async def test_what_was_broken_in_psql_is_shown_with_its_problem(api: Api) -> None:
    await make(api)
    with api.db.connect("admin") as admin:
        admin.execute('update jobs.schedule set definition = definition || \'{"cron": "nonsense"}\'')
    unplanned = (await api.get("/v1/schedules/nightly")).body
    assert (unplanned["words"], unplanned["next_fire_at"]) == (None, None)
    plan = [{"id": 1, "revision": 1, "next_fire_at": None, "next_wake_at": None, "error": "cron: is none"}]
    await ask(api, "select server_api.plan_schedules(%s)", json.dumps(plan))
    shown = (await api.get("/v1/schedules/nightly")).body
    assert (shown["state"], shown["problem"]) == ("broken", "cron: is none")
    assert (await api.get("/v1/schedules/nightly/preview")).status == 422
    assert (await api.get("/v1/schedules", key=await api.make_key("few", "admin", tasks=["*"]))).body[
        "items"
    ] == []


async def test_a_preview_marks_what_the_clocks_move(api: Api) -> None:
    await make(api, cron="30 2 * * *", overlap="both")
    spring = await api.get("/v1/schedules/nightly/preview?from=2026-03-28T00:00:00Z&to=2026-03-30T00:00:00Z")
    assert spring.body["fires"] == [
        {"planned_at": "2026-03-28T01:30:00Z", "local": "2026-03-28T02:30:00+01:00", "dst": None},
        {"planned_at": "2026-03-29T01:30:00Z", "local": "2026-03-29T03:30:00+02:00", "dst": "shifted"},
    ]
    assert (spring.body["timezone"], "02:30" in spring.body["words"]) == ("Europe/Berlin", True)
    autumn = await api.get("/v1/schedules/nightly/preview?from=2026-10-25T00:00:00Z&limit=2")
    assert [(fire["local"][11:], fire["dst"]) for fire in autumn.body["fires"]] == [
        ("02:30:00+02:00", "first"), ("02:30:00+01:00", "second"),
    ]  # fmt: skip


async def test_a_preview_is_from_its_beginning_and_before_its_end(api: Api) -> None:
    await make(api, cron="0 * * * *", timezone="UTC")
    path = "/v1/schedules/nightly/preview"
    fires = (await api.get(f"{path}?from=2026-01-01T00:00:00Z&to=2026-01-01T02:00:00Z")).body["fires"]
    assert [fire["planned_at"][11:13] for fire in fires] == ["00", "01"]
    now = datetime.now(UTC)
    fires = (await api.get(path)).body["fires"]
    assert len(fires) == 10
    assert timedelta() < datetime.fromisoformat(fires[0]["planned_at"]) - now < timedelta(hours=2)
    assert len((await api.get(f"{path}?limit=1000")).body["fires"]) == 1000
    for query, field in (
        ("limit=1001", "limit"),
        ("from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("from=2026-01-01T00:00:00Z&to=2036-06-01T00:00:00Z", "to"),
        ("from=1969-01-01T00:00:00Z", "from"),
        ("to=9999-12-31T23:59:59Z", "to"),
        ("from=2026-01-01T00:00:00", "from"),
        ("start=2026-01-01T00:00:00Z", "start"),
    ):
        reply = await api.get(f"{path}?{query}")
        assert (reply.status, reply.fields) == (422, [field]), query


async def test_a_definition_is_previewed_without_being_stored(api: Api) -> None:
    reply = await api.post(
        "/v1/schedules/preview?limit=2&from=2026-01-01T00:00:00Z", {**DAILY, "target": {"task": "not yet"}}
    )
    assert (reply.status, len(reply.body["fires"])) == (200, 2)
    assert (await api.get("/v1/schedules")).body["items"] == []
    assert (await make(api, "preview")).status == 201
    assert (await api.get("/v1/schedules/preview")).body["name"] == "preview"


async def test_run_now_is_told_and_shown(api: Api) -> None:
    await make(api)
    asked = {"reason": "the report was wrong", "args": {"x": 12345678901234567890}}
    reply = await api.post("/v1/schedules/nightly/run-now", asked, X_Request_Id="r1")
    run_id = reply.body["run_id"]
    assert (reply.status, reply.body) == (202, {"run_id": run_id, "paused": False, "note": None})
    path = reply.headers["Location"]
    assert path == f"/v1/schedules/nightly/runs/{run_id}"
    run = (await api.get(path)).body["run"]
    told = {
        name: run[name] for name in ("state", "trigger", "actor", "reason", "args", "request_id", "force")
    }
    assert told == {
        "state": "pending", "trigger": "manual", "actor": "boss", "reason": asked["reason"],
        "args": asked["args"], "request_id": "r1", "force": False,
    }  # fmt: skip
    refused = {"task": "gone", "job": None, "error": {"error": "unknown-task", "message": "gone"}}
    await start(api, run_id, member(), refused)
    detail = (await api.get(path)).body
    assert (detail["run"]["state"], detail["run"]["open"], detail["run"]["members"]) == ("running", 1, 2)
    job, other = detail["members"]
    assert (job["task"], job["status"], job["error"]) == ("echo", None, None)
    assert (other["job_id"], other["error"]["error"]) == (None, "unknown-task")
    assert (await api.get("/v1/schedules/nightly")).body["open_run_ids"] == [run_id]
    assert (await api.post(f"/v1/jobs/{job['job_id']}/cancel")).status == 202
    await ask(api, "select server_api.close_runs()")
    detail = (await api.get(path)).body
    assert (detail["run"]["state"], detail["run"]["outcome"], detail["run"]["failed"]) == (
        "finished", "failed", 2,
    )  # fmt: skip
    assert detail["run"]["duration"] >= 0
    assert detail["members"][0]["status"] == "cancelled"
    shown = (await api.get("/v1/schedules/nightly")).body
    assert (shown["last_run_id"], shown["last_outcome"], shown["open_run_ids"]) == (run_id, "failed", [])
    assert shown["last_fire_at"]
    assert shown["last_error"]


async def test_run_now_follows_the_rule_unless_forced(api: Api) -> None:
    await make(api)
    first = (await api.post("/v1/schedules/nightly/run-now", REASON)).body["run_id"]
    second = await api.post("/v1/schedules/nightly/run-now", REASON)
    assert (second.status, second.slug, second.body["run_id"]) == (409, "state-conflict", first)
    forced = await api.post("/v1/schedules/nightly/run-now", {**REASON, "force": True})
    assert forced.status == 202
    await api.call("PATCH", "/v1/schedules/nightly", {"overlapping": "queue"})
    queued = await api.post("/v1/schedules/nightly/run-now", REASON)
    assert (queued.status, bool(queued.body["note"])) == (202, True)


async def test_run_now_runs_a_paused_one_and_says_so(api: Api) -> None:
    await make(api)
    await api.post("/v1/schedules/nightly/pause")
    reply = await api.post("/v1/schedules/nightly/run-now", REASON)
    assert (reply.status, reply.body["paused"]) == (202, True)
    assert "paused" in reply.body["note"]


async def test_run_now_needs_a_reason_and_the_scope(api: Api) -> None:
    await make(api)
    for body in (None, {}, {"reason": ""}, {"reason": None}):
        reply = await api.post("/v1/schedules/nightly/run-now", body)
        assert (reply.status, reply.fields) == (422, ["reason"]), body
    token = await api.make_key("writer", *(scope for scope in SCOPES if scope != "admin"))
    for verb in ("run-now", "backfill"):
        assert (await api.post(f"/v1/schedules/nightly/{verb}", REASON, key=token)).slug == "missing-scope"


async def test_the_same_run_now_again_is_the_same_run(api: Api) -> None:
    await make(api)
    first = await api.post("/v1/schedules/nightly/run-now", REASON, Idempotency_Key="k")
    assert "Idempotent-Replayed" not in first.headers
    again = await api.post("/v1/schedules/nightly/run-now", REASON, Idempotency_Key="k")
    assert (again.status, again.body, again.headers["Location"]) == (
        202,
        first.body,
        first.headers["Location"],
    )
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await api.post("/v1/schedules/nightly/run-now", {"reason": "other"}, Idempotency_Key="k")
    assert other.slug == "idempotency-key-reused"
    job = await api.post("/v1/jobs", {"task": "echo"}, Idempotency_Key="k")
    assert job.slug == "idempotency-key-reused", "a key is of all endpoints"
    await api.enqueue(queue="q")
    assert (await api.post("/v1/jobs", {"task": "echo"}, Idempotency_Key="j")).status == 201
    run = await api.post("/v1/schedules/nightly/run-now", {**REASON, "force": True}, Idempotency_Key="j")
    assert run.slug == "idempotency-key-reused"
    assert len((await api.get("/v1/schedules/nightly/runs")).body["items"]) == 1


async def test_a_backfill_makes_a_run_for_each_planned_time(api: Api) -> None:
    await make(api, timezone="UTC")
    body = {**REASON, "from": "2026-01-01T03:00:00Z", "to": "2026-01-04T03:00:00Z", "concurrency": 2}
    reply = await api.post("/v1/schedules/nightly/backfill", body)
    assert (reply.status, reply.body["runs"]) == (202, 3)
    runs = (await api.get("/v1/schedules/nightly/runs?trigger=backfill")).body["items"]
    assert [run["planned_at"] for run in runs] == [f"2026-01-0{day}T03:00:00Z" for day in (3, 2, 1)]
    assert {(run["backfill_id"], run["reason"], run["actor"]) for run in runs} == {
        (reply.body["backfill_id"], "because", "boss")
    }


async def test_a_backfill_has_its_limits(api: Api) -> None:
    await make(api, cron=None, every=1)
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    for field, change in (
        ("to", {"to": "2026-01-01T02:46:41Z"}),
        ("to", {"to": "2025-12-31T00:00:00Z"}),
        ("to", {"to": soon}),
        ("to", {"to": None}),
        ("from", {"from": "1960-01-01T00:00:00Z"}),
        ("from", {"from": "2026-01-01T00:00:00.1Z", "to": "2026-01-01T00:00:00.2Z"}),
        ("concurrency", {"concurrency": 101}),
        ("reason", {"reason": ""}),
    ):
        body = {**REASON, "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:01:00Z", **change}
        reply = await api.post("/v1/schedules/nightly/backfill", body)
        assert (reply.status, reply.fields) == (422, [field]), (change, reply.body)
        if change.get("to") == "2026-01-01T02:46:41Z":
            assert "10,001" in reply.body["detail"]
    assert (await api.get("/v1/schedules/nightly/runs")).body["items"] == []


async def test_runs_come_in_pages_with_filters(api: Api) -> None:
    await make(api, overlapping="allow")
    made = [(await api.post("/v1/schedules/nightly/run-now", REASON)).body["run_id"] for _ in range(5)]
    await start(api, made[0], member())
    seen, cursor = [], ""
    while True:
        page = (await api.get(f"/v1/schedules/nightly/runs?limit=2{cursor}")).body
        seen += [run["id"] for run in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]
    running = (await api.get("/v1/schedules/nightly/runs?state=running")).body["items"]
    assert [run["id"] for run in running] == made[:1]
    assert (await api.get("/v1/schedules/nightly/runs?trigger=cron")).body["items"] == []
    await make(api, "other")
    for path in ("other/runs?limit=2", "nightly/runs?limit=2&state=pending"):
        assert (await api.get(f"/v1/schedules/{path}{cursor}")).slug == "invalid-cursor"
    assert (await api.get(f"/v1/schedules/other/runs/{made[0]}")).slug == "run-not-found"


async def test_schedules_come_in_pages(api: Api) -> None:
    for name in "abcde":
        await make(api, name, target={"task": "single" if name in "bd" else "echo"})
    await publish(api, coded=DAILY)
    page = (await api.get("/v1/schedules?limit=4")).body
    assert [item["name"] for item in page["items"]] == list("abcd")
    rest = (await api.get(f"/v1/schedules?limit=4&cursor={page['next_cursor']}")).body
    assert ([item["name"] for item in rest["items"]], rest["next_cursor"]) == (["e", "coded"], None)
    assert [s["name"] for s in (await api.get("/v1/schedules?origin=code")).body["items"]] == ["coded"]
    token = await api.make_key("few", "jobs:read", tasks=["single"])
    page = (await api.get("/v1/schedules?limit=1", key=token)).body
    assert [item["name"] for item in page["items"]] == ["b"]
    rest = (await api.get(f"/v1/schedules?limit=1&cursor={page['next_cursor']}", key=token)).body
    assert ([item["name"] for item in rest["items"]], rest["next_cursor"]) == (["d"], None)


async def test_a_limited_key_pages_over_what_it_may_not_see(api: Api) -> None:
    with api.db.connect("admin") as admin:
        admin.execute(
            "insert into jobs.schedule (name, origin, definition, created_by, updated_by)"
            " select 's' || n, 'api', jsonb_build_object('every', 60, 'target', jsonb_build_object("
            "'task', case when n = %s then 'single' else 'echo' end)), 't', 't'"
            " from generate_series(1, %s) as n order by n",
            (CHUNK + 2, CHUNK + 3),
        )
    token = await api.make_key("few", "jobs:read", tasks=["single"])
    assert [s["name"] for s in (await api.get("/v1/schedules", key=token)).body["items"]] == [f"s{CHUNK + 2}"]


FOREIGN: list[dict[str, list[str]]] = [
    {"queues": ["elsewhere"]}, {"tasks": ["ech", "ECHO", "single"]}, {"queues": [], "tasks": ["*"]},
]  # fmt: skip


async def test_a_key_does_not_see_what_reaches_beyond_its_patterns(api: Api) -> None:
    targets: list[dict[str, Any]] = [
        {"task": "echo"}, {"tasks": ["single", "echo"]}, {"group": "g"}, {"all": True},
    ]  # fmt: skip
    for index, target in enumerate(targets):
        await make(api, f"s{index}", target=target)
    run = (await api.post("/v1/schedules/s0/run-now", REASON)).body["run_id"]
    before = await ask(api, "select json_agg(s order by s.id) from server_api.schedule as s")
    for number, limits in enumerate(FOREIGN):
        token = await api.make_key(f"limited {number}", *SCOPES, **limits)
        assert (await api.get("/v1/schedules", key=token)).body == {"items": [], "next_cursor": None}
        for index, target in enumerate(targets):
            await is_hidden(api, f"s{index}", run, token)
            await may_not_be_made(api, target, token)
    assert await ask(api, "select json_agg(s order by s.id) from server_api.schedule as s") == before


async def is_hidden(api: Api, name: str, run: int, token: str) -> None:
    for method, rest, body in every_call(run):
        hidden = await api.call(method, f"/v1/schedules/{name}{rest}", body, key=token)
        never = await api.call(method, f"/v1/schedules/nope{rest}", body, key=token)
        assert (hidden.status, hidden.slug) == (404, "schedule-not-found"), (method, rest)
        assert never.body["detail"].replace("nope", name) == hidden.body["detail"]


async def may_not_be_made(api: Api, target: dict[str, Any], token: str) -> None:
    for method, path, named in (("POST", "", {"name": "mine"}), ("PUT", "/mine", {})):
        body = {**DAILY, **named, "target": target}
        reply = await api.call(method, f"/v1/schedules{path}", body, key=token)
        assert (reply.status, reply.slug) == (403, "not-allowed")


async def test_a_limited_key_has_its_own_schedules(api: Api) -> None:
    await make(api, "theirs", target={"task": "single"})
    token = await api.make_key("limited", *SCOPES, tasks=["echo", "renamed", "old.*"], queues=["mine"])
    made = await api.call("PUT", "/v1/schedules/own", {**DAILY, "queue": "mine"}, key=token)
    assert made.status == 201
    assert (await api.get("/v1/schedules/own", key=token)).status == 200
    assert [s["name"] for s in (await api.get("/v1/schedules", key=token)).body["items"]] == ["own"]
    assert (await api.call("PATCH", "/v1/schedules/own", {"jitter": 1}, key=token)).status == 200
    for change in ({"queue": None}, {"target": {"task": "single"}}, {"target": {"all": True}}):
        reply = await api.call("PATCH", "/v1/schedules/own", change, key=token)
        assert reply.slug == "not-allowed", change
    run = (await api.post("/v1/schedules/own/run-now", REASON, key=token)).body["run_id"]
    await start(api, run, member(), member("single"))
    seen = (await api.get(f"/v1/schedules/own/runs/{run}", key=token)).body["members"]
    assert [one["task"] for one in seen] == ["echo"]
    taken = await api.call("PUT", "/v1/schedules/theirs", {**DAILY, "queue": "mine"}, key=token)
    assert taken.slug == "schedule-not-found"
