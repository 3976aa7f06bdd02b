"""Consumers and dead letters over HTTP and from the command line: who sees which, and what he may do."""

import json
from typing import Any

import pytest

from app.cli.main import run
from tests.api.conftest import Api
from tests.support.cluster import Database
from tests.support.consumer import EVERY, outbox, publish
from tests.support.protocol import enqueue, job

WHY = {"reason": "mended"}


def park(db: Database, *jobs: dict[str, Any], consumer: str = "handlers") -> list[int]:
    """A dead letter of each of these jobs; their ids, in order."""
    ids = enqueue(db.connect("server"), *jobs)
    with db.connect("admin") as admin:
        rows = admin.execute(
            "insert into jobs.outbox"
            " (consumer, event, task, job_id, order_key, at, attempts, parked_at, error)"
            " select %s, 'failed', j.task_name, j.id, 'job ' || j.id, now(), 10, now(), 'it raised'"
            " from procrastinate.procrastinate_jobs as j where j.id = any (%s) order by j.id returning id",
            [consumer, ids],
        ).fetchall()
    return [letter for (letter,) in rows]


async def test_who_is_told_of_ends_and_what_waits(api: Api) -> None:
    publish(api.db, {**EVERY, "task": "monthly"}, {**EVERY, "task": "echo", "event": "failed"})
    publish(api.db, EVERY, consumer="audit")
    park(api.db, job())
    audit, handlers = (await api.get("/v1/handlers")).body["items"]
    assert (audit["consumer"], audit["dead"], audit["oldest_at"]) == ("audit", 0, None)
    assert [handlers[name] for name in ("waiting", "delayed", "dead")] == [0, 0, 1]
    assert [(s["task"], s["event"], s["handlers"]) for s in handlers["subscriptions"]] == [
        ("echo", "failed", ["shop:all"]), ("monthly", "*", ["shop:all"]),
    ]  # fmt: skip
    limited = await api.make_key("limited", "jobs:read", tasks=["month*"])
    (seen,) = (await api.get("/v1/handlers", key=limited)).body["items"]
    assert [s["task"] for s in seen["subscriptions"]] == ["monthly"]


async def test_dead_letters_are_listed_by_pages(api: Api) -> None:
    letters = park(api.db, *[job(task=task) for task in ("echo", "monthly", "echo")])
    (other,) = park(api.db, job(), consumer="audit")
    first = (await api.get("/v1/dead-letters?limit=3")).body
    assert [item["id"] for item in first["items"]] == letters
    assert first["items"][0] | {"at": 0, "parked_at": 0} == {
        "id": letters[0], "consumer": "handlers", "event": "failed", "task": "echo", "queue": "default",
        "job_id": 1, "run_id": None, "order_key": "job 1", "attempts": 10, "error": "it raised",
        "at": 0, "parked_at": 0,
    }  # fmt: skip
    cursor = first["next_cursor"]
    rest = (await api.get(f"/v1/dead-letters?limit=3&cursor={cursor}")).body
    assert ([item["id"] for item in rest["items"]], rest["next_cursor"]) == ([other], None)
    refused = await api.get(f"/v1/dead-letters?limit=3&task=echo&cursor={cursor}")
    assert refused.slug == "invalid-cursor"
    for query, found in (("task=monthly", [letters[1]]), ("consumer=audit", [other]), ("consumer=no", [])):
        items = (await api.get(f"/v1/dead-letters?{query}")).body["items"]
        assert [item["id"] for item in items] == found


async def test_one_is_replayed_or_discarded_with_a_reason(api: Api) -> None:
    publish(api.db, EVERY)
    first, second = park(api.db, job(), job())
    assert (await api.post(f"/v1/dead-letters/{first}/replay")).status == 400
    assert (await api.post(f"/v1/dead-letters/{first}/replay", {})).fields == ["reason"]
    reply = await api.post(f"/v1/dead-letters/{first}/replay", WHY)
    assert (reply.status, reply.body) == (202, {"replayed": 1})
    assert (await api.post(f"/v1/dead-letters/{first}/replay", WHY)).slug == "not-found"
    assert (await api.call("DELETE", f"/v1/dead-letters/{second}")).fields == ["reason"]
    assert (await api.call("DELETE", f"/v1/dead-letters/{first}?reason=stale")).slug == "not-found"
    assert (await api.call("DELETE", f"/v1/dead-letters/{second}?reason=stale")).status == 204
    assert (await api.call("DELETE", "/v1/dead-letters/x?reason=stale")).slug == "not-found"
    assert outbox(api.db, "id, parked_at") == [(first, None)]
    with api.db.connect("server") as server:
        query = (
            "select actor, action, reason from server_api.audit where action like 'handlers.%' order by id"
        )
        lines = server.execute(query.encode()).fetchall()
    assert lines[1:] == [("boss", "handlers.replay", "mended"), ("boss", "handlers.discard", "stale")]


async def test_what_nobody_subscribes_to_is_not_replayed(api: Api) -> None:
    (letter,) = park(api.db, job())
    reply = await api.post(f"/v1/dead-letters/{letter}/replay", WHY)
    assert (reply.slug, reply.body["consumer"]) == ("state-conflict", "handlers")
    given = {"consumer": "handlers", **WHY}
    assert (await api.post("/v1/dead-letters:replay", given)).slug == "state-conflict"


async def test_a_limited_key_reaches_those_of_its_tasks_and_queues(api: Api) -> None:
    publish(api.db, EVERY)
    echo, monthly, elsewhere = park(
        api.db, job(), job(task="monthly", queue="reports"), job(task="monthly", queue="secret")
    )
    key = await api.make_key("limited", "jobs:read", "jobs:operate", tasks=["monthly"], queues=["reports"])
    listed = (await api.get("/v1/dead-letters", key=key)).body["items"]
    assert [item["id"] for item in listed] == [monthly]
    for letter in (echo, elsewhere):
        assert (await api.post(f"/v1/dead-letters/{letter}/replay", WHY, key=key)).slug == "not-found"
        path = f"/v1/dead-letters/{letter}?reason=mine"
        assert (await api.call("DELETE", path, key=key)).slug == "not-found"
    given = {"consumer": "handlers", **WHY}
    assert (await api.post("/v1/dead-letters:replay", given, key=key)).body == {"replayed": 1}
    assert (await api.post("/v1/dead-letters:replay", {**given, "task": "echo"})).body == {"replayed": 1}
    assert [letter for letter, parked in outbox(api.db, "id, parked_at") if parked] == [elsewhere]


def test_the_command_line(
    db: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONEWRITER_DATABASE_URL", db.dsn("server"))
    publish(db, EVERY)
    first, second, third = park(db, job(), job(), job(task="other"))
    assert run(["handlers", "dead", "ls", "--json"]) == 0
    assert [item["id"] for item in json.loads(capsys.readouterr().out)] == [first, second, third]
    assert run(["handlers", "dead", "show", str(first)]) == 0
    assert "it raised" in capsys.readouterr().out
    assert run(["handlers", "dead", "show", "99"]) == 3
    dead = ["handlers", "dead"]
    assert run([*dead, "replay", "--reason", "all?"]) == 2
    assert run([*dead, "replay", str(first), "--all", "--reason", "both?"]) == 2
    assert run([*dead, "replay", str(first)]) == 2
    assert run([*dead, "replay", str(first), "--reason", "mended"]) == 0
    assert run([*dead, "replay", str(first), "--reason", "again"]) == 3
    assert run([*dead, "discard", "--task", "other", "--reason", "stale"]) == 0
    assert "discarded 1" in capsys.readouterr().err
    assert outbox(db, "id, parked_at is not null") == [(first, False), (second, True)]
    publish(db)
    assert run([*dead, "replay", "--all", "--reason", "gone"]) == 4
