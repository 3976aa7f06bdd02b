"""Every refusal is a problem with type, title and field."""

import json
from typing import Any

from tests.api.conftest import Api, Reply

DEEP = b'{"task":"echo","args":' + b'{"a":' * 32 + b"1" + b"}" * 32 + b"}"
ARGS = b'{"task":"echo","args":{"x":%s}}'

CASES: list[tuple[str, bytes, int, str, list[str]]] = [
    ("empty", b"", 400, "malformed-json", []),
    ("not JSON", b"{", 400, "malformed-json", []),
    ("trailing", b'{"task":"echo"} x', 400, "malformed-json", []),
    ("not UTF-8", b'{"task":"\xff"}', 400, "malformed-json", []),
    ("a number and rubbish", b"5 x", 400, "malformed-json", []),
    ("a number and no UTF-8", b"5\xff", 400, "malformed-json", []),
    ("a text and depths", b'"a"' + b"[" * 100_000, 400, "malformed-json", []),
    ("an array", b"[]", 422, "invalid-value", ["body"]),
    ("null", b"null", 422, "invalid-value", ["body"]),
    ("no task", b"{}", 422, "invalid-value", ["task"]),
    ("empty task", b'{"task":""}', 422, "invalid-value", ["task"]),
    ("long task", b'{"task":"%s"}' % (b"a" * 129), 422, "invalid-value", ["task"]),
    ("unknown task", b'{"task":"nope"}', 422, "unknown-task", ["task"]),
    ("unknown field", b'{"task":"echo","quue":"x"}', 422, "invalid-value", ["quue"]),
    ("NUL in a name", b'{"task":"echo","key":"a\\u0000b"}', 422, "invalid-value", ["key"]),
    ("NUL in args", ARGS % b'["a\\u0000b"]', 422, "invalid-value", ["args.x[0]"]),
    ("NUL in a member's name", b'{"task":"echo","args":{"a\\u0000":1}}', 422, "invalid-value", ["args"]),
    ("NaN", ARGS % b"NaN", 422, "invalid-value", ["args.x"]),
    ("Infinity", ARGS % b"[-Infinity]", 422, "invalid-value", ["args.x[0]"]),
    ("absurd number", ARGS % b"1e999999", 422, "invalid-value", ["args.x"]),
    ("absurd delay", b'{"task":"echo","delay":1e999999}', 422, "invalid-value", ["delay"]),
    ("absurd integer", ARGS % (b"9" * 5000), 422, "invalid-value", ["args.x"]),
    ("lone surrogate", ARGS % b'"\\ud800"', 422, "invalid-value", ["args.x"]),
    ("lone surrogate in a name", b'{"task":"echo","lock":"\\udfff"}', 422, "invalid-value", ["lock"]),
    ("33 levels", DEEP.replace(b":1}", b":[1]}"), 422, "invalid-value", ["args" + ".a" * 32]),
    ("100,000 levels", ARGS % (b"[" * 100_000 + b"]" * 100_000), 422, "invalid-value", ["body"]),
    ("args too large", ARGS % b'"%s"' % (b"a" * 65_536), 422, "invalid-value", ["args"]),
    ("body too large", ARGS % b'"%s"' % (b"a" * 600_000), 422, "body-too-large", ["body"]),
    ("args no object", b'{"task":"echo","args":[]}', 422, "invalid-value", ["args"]),
    ("args null", b'{"task":"echo","args":null}', 422, "invalid-value", ["args"]),
    ("bool for int", b'{"task":"echo","priority":true}', 422, "invalid-value", ["priority"]),
    ("float for int", b'{"task":"echo","priority":1.5}', 422, "invalid-value", ["priority"]),
    ("int out of range", b'{"task":"echo","priority":2147483648}', 422, "invalid-value", ["priority"]),
    ("text for number", b'{"task":"echo","delay":"5"}', 422, "invalid-value", ["delay"]),
    ("negative delay", b'{"task":"echo","delay":-1}', 422, "invalid-value", ["delay"]),
    ("zero timeout", b'{"task":"echo","timeout":0}', 422, "invalid-value", ["timeout"]),
    ("naive date", b'{"task":"echo","run_at":"2026-01-01T00:00:00"}', 422, "invalid-value", ["run_at"]),
    ("no date", b'{"task":"echo","run_at":"tomorrow"}', 422, "invalid-value", ["run_at"]),
    ("year 0", b'{"task":"echo","run_at":"0000-01-01T00:00:00Z"}', 422, "invalid-value", ["run_at"]),
    ("year 1", b'{"task":"echo","run_at":"0001-01-01T00:00:00+14:00"}', 422, "invalid-value", ["run_at"]),
    ("year 9999", b'{"task":"echo","run_at":"9999-12-31T23:59:59-14:00"}', 422, "invalid-value", ["run_at"]),
    ("year 10000", b'{"task":"echo","expires_at":"10000-01-01T00:00:00Z"}', 422, "invalid-value",
     ["expires_at"]),
    ("30 February", b'{"task":"echo","run_at":"2026-02-30T00:00:00Z"}', 422, "invalid-value", ["run_at"]),
    ("past expiry", b'{"task":"echo","expires_at":"2020-01-01T00:00:00Z"}', 422, "invalid-value",
     ["expires_at"]),
    ("both times", b'{"task":"echo","run_at":"2099-01-01T00:00:00Z","delay":1}', 422, "invalid-value",
     ["delay"]),
    ("more attempts", b'{"task":"monthly","args":{"month":"x"},"max_attempts":6}', 422, "invalid-value",
     ["max_attempts"]),
    ("wrong argument", b'{"task":"monthly","args":{"month":10}}', 422, "invalid-arguments", ["args.month"]),
    ("no argument", b'{"task":"monthly"}', 422, "invalid-arguments", ["args.month"]),
    ("extra argument", b'{"task":"monthly","args":{"month":"x","y":1}}', 422, "invalid-arguments",
     ["args.y"]),
    ("nested argument", b'{"task":"monthly","args":{"month":"x","days":[1,"2"]}}', 422, "invalid-arguments",
     ["args.days[1]"]),
]  # fmt: skip


async def test_bodies(api: Api) -> None:
    said = {case[0]: _said(await api.post("/v1/jobs", case[1])) for case in CASES}
    assert said == {case[0]: case[2:] for case in CASES}


async def test_the_same_in_a_batch(api: Api) -> None:
    """The field is the same, under `jobs[1]`."""
    cases = [case for case in CASES if case[2] == 422 and case[4] != ["body"]]
    said, meant = {}, {}
    for name, body, status, slug, fields in cases:
        said[name] = _said(await api.post("/v1/jobs:batch", b'{"jobs":[{"task":"echo"},' + body + b"]}"))
        meant[name] = (status, slug, [f"jobs[1].{fields[0]}"])
    assert said == meant


def _said(reply: Reply) -> tuple[int, str, list[str]]:
    assert reply.headers["X-Request-Id"]
    return reply.status, reply.slug, reply.fields


async def test_what_is_at_the_limit_is_taken(api: Api) -> None:
    assert (await api.post("/v1/jobs", DEEP)).status == 201
    args = {"x": "a" * (65_536 - len('{"x":""}'))}
    body = json.dumps({"task": "echo", "args": args}, separators=(",", ":")).encode()
    assert (await api.post("/v1/jobs", body)).status == 201
    escaped = b'{"task":"echo","args":{"x":"\\\\u0000 is text"}}'
    assert (await api.post("/v1/jobs", escaped)).status == 201
    names = dict.fromkeys(("queue", "lock", "queueing_lock", "key"), "n" * 128)
    assert (await api.post("/v1/jobs", {"task": "echo", **names})).status == 201


QUERIES = {
    "/v1/jobs?limit=0": "limit",
    "/v1/jobs?limit=501": "limit",
    "/v1/jobs?limit=x": "limit",
    "/v1/jobs?limit=1&limit=2": "limit",
    "/v1/jobs?status=done": "status",
    "/v1/jobs?status=null": "status",
    "/v1/jobs?limit=NULL": "limit",
    "/v1/jobs?created_after=2026-01-01T00:00:00": "created_after",
    "/v1/jobs?created_after=0001-01-01T00:00:00Z": "created_after",
    "/v1/jobs?created_before=9999-12-31T23:59:59Z": "created_before",
    "/v1/jobs?queue=%00": "queue",
    "/v1/jobs?queue=": "queue",
    "/v1/jobs?nonsense=1": "nonsense",
    "/v1/jobs/1?x=1": "x",
    "/v1/tasks?x=1": "x",
    "/v1/jobs/1/result?wait=-1": "wait",
    "/v1/jobs/1/result?wait=nan": "wait",
    "/v1/jobs/1/result?wait=soon": "wait",
    "/livez?x=1": "x",
}


async def test_queries(api: Api) -> None:
    said = {path: _said(await api.get(path)) for path in QUERIES}
    assert said == {path: (422, "invalid-value", [field]) for path, field in QUERIES.items()}


async def test_query_where_none_is_taken(api: Api) -> None:
    reply = await api.post("/v1/jobs?dry_run=1", {"task": "echo"})
    assert (reply.status, reply.fields) == (422, ["dry_run"])


async def test_what_is_no_id_is_no_job(api: Api) -> None:
    ids = ["0", "-1", "x", "1.5", "9" * 19, "9" * 40, "%00", "%D9%A1"]
    paths = [f"/v1/jobs/{job_id}{rest}" for job_id in ids for rest in ("", "/attempts", "/result", "/events")]
    said = {path: _said(await api.get(path)) for path in paths}
    assert said == dict.fromkeys(paths, (404, "job-not-found", []))


async def test_nothing_here(api: Api) -> None:
    paths = ["/v1", "/v1/job", "/problems/none", "/v1/jobs/1/nothing", "/%00", "/v1/jobs:bulk", "/v1/jobs/"]
    said = {path: _said(await api.get(path)) for path in paths}
    assert said == dict.fromkeys(paths, (404, "no-such-path", []))


async def test_method_not_allowed(api: Api) -> None:
    cases = {
        ("DELETE", "/v1/jobs"): "GET, POST",
        ("GET", "/v1/jobs:batch"): "POST",
        ("PUT", "/v1/jobs/1"): "DELETE, GET",
        ("HEAD", "/v1/jobs/1/events"): "GET",
    }
    for (method, path), allow in cases.items():
        reply = await api.call(method, path)
        assert (reply.status, reply.headers["Allow"]) == (405, allow)
        assert method == "HEAD" or reply.slug == "method-not-allowed"


async def test_bodies_of_verbs(api: Api) -> None:
    path = f"/v1/jobs/{await api.enqueue(delay=60)}/"
    cases: list[tuple[str, Any, str]] = [
        ("cancel", {"reason": ""}, "reason"),
        ("cancel", {"why": "x"}, "why"),
        ("cancel", b'{"reason":"a\\u0000"}', "reason"),
        ("retry", {"reason": "x" * 1001}, "reason"),
        ("run-now", {}, "reason"),
        ("run-now", None, "reason"),
        ("run-now", {"reason": " "}, "reason"),
    ]
    for verb, body, field in cases:
        reply = await api.post(path + verb, body)
        assert (reply.status, reply.fields) == (422, [field]), (verb, body)
    assert (await api.post(path + "cancel", b"{")).slug == "malformed-json"


async def test_request_ids_from_elsewhere_are_not_echoed(api: Api) -> None:
    for bad in ("a b", "x" * 129, "ü"):
        reply = await api.get("/livez", X_Request_Id=bad)
        assert reply.headers["X-Request-Id"] != bad
