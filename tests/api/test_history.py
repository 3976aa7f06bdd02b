"""…/history: who did what to a job, when and why; told from facts that nobody can change."""

import re
from typing import Any

import psycopg
import pytest

from app.schema.sqlfiles import read_contract
from tests.api.conftest import Api
from tests.support.cluster import LOGINS
from tests.support.protocol import Session, done, expire_lease, release, rescue, retry

FACTS = ("attempt", "job_event", "cause", "late_results", "past_session")


async def test_a_long_life_in_order(api: Api) -> None:
    job_id = await api.enqueue(max_attempts=3)
    session = api.session()
    for error in ("first", "second"):
        (held,) = start(session)
        session.exchange(retry=[retry(held, 0.0, error)])
    (held,) = start(session)
    session.exchange(done=[done(held, None, "failed", error="third", reason="error")])
    await api.post(f"/v1/jobs/{job_id}/retry", {"reason": "the disk is empty now"})
    await api.post(f"/v1/jobs/{job_id}/cancel", {"reason": "changed my mind"})
    events = await story(api, job_id)
    assert [event["type"] for event in events] == [
        *(
            "created",
            "started",
            "retrying",
            "started",
            "retrying",
            "started",
            "failed",
            "retried",
            "cancelled",
        ),
    ]
    assert [event["attempt"] for event in events] == [None, 1, 1, 2, 2, 3, 3, None, None]
    assert {event["worker"] for event in events if event["attempt"]} == {"tests/worker"}
    assert {event["session"] for event in events if event["attempt"]} == {session.id}
    assert [event["detail"] for event in events if event["type"] in ("retrying", "failed")] == [
        {"error": "first"},
        {"error": "second"},
        {"error": "third"},
    ]
    assert (events[0]["actor"], events[0]["cause"]["kind"]) == ("boss", "http")
    assert [(event["actor"], event["reason"]) for event in events[-2:]] == [
        ("boss", "the disk is empty now"),
        ("boss", "changed my mind"),
    ]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


async def test_ids_are_stable_and_pages_follow_them(api: Api) -> None:
    job_id = await api.enqueue()
    session = api.session()
    seen: list[dict[str, Any]] = []
    for _ in range(3):
        (held,) = start(session)
        now = await story(api, job_id)
        assert now[: len(seen)] == seen
        seen = now
        session.exchange(retry=[retry(held, 0.0)])
        now = await story(api, job_id)
        assert now[: len(seen)] == seen
        seen = now
    paged: list[dict[str, Any]] = []
    after = ""
    while True:
        page = (await api.get(f"/v1/jobs/{job_id}/history?limit=3{after}")).body
        paged += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert paged == seen
    assert len({event["id"] for event in seen}) == len(seen) == 7


async def test_what_no_run_records(api: Api) -> None:
    job_id = await api.enqueue(delay=1000)
    await api.post(f"/v1/jobs/{job_id}/run-now", {"reason": "at once"})
    first, second = api.session(), api.session()
    (held,) = start(first)
    first.exchange(release=[release(held)])
    (held,) = start(second)
    expire_lease(api.db, second)
    rescue(api.db.connect("server"))
    second_late = api.session()
    (held_again,) = start(second_late)
    await api.post(f"/v1/jobs/{job_id}/cancel", {"reason": "enough"})
    first.exchange(done=[done(held, 1)])  # not its job any more
    second_late.exchange(done=[done(held_again, None, "aborted")])
    events = await story(api, job_id)
    assert [event["type"] for event in events] == [
        *("created", "run_now", "started", "released", "started", "lost", "started", "abort_requested"),
        *("late_result_refused", "aborted"),
    ]
    by_type = {event["type"]: event for event in events}
    assert (by_type["run_now"]["actor"], by_type["run_now"]["reason"]) == ("boss", "at once")
    assert (by_type["released"]["worker"], by_type["released"]["attempt"]) == ("tests/worker", 1)
    assert (by_type["lost"]["session"], by_type["lost"]["reason"]) == (second.id, "lost")
    assert (by_type["abort_requested"]["actor"], by_type["abort_requested"]["reason"]) == ("boss", "enough")
    assert by_type["late_result_refused"]["actor"] == "onewriter_test_worker"


async def test_the_worker_is_known_longer_than_its_session(api: Api) -> None:
    job_id = await api.enqueue()
    session = api.session()
    session.exchange(done=[done(start(session)[0], 1)])
    session.close()
    api.db.connect("admin").execute("update jobs.session set closed_at = closed_at - interval '2 days'")
    before = await story(api, job_id)
    rescue(api.db.connect("server"))
    server = api.db.connect("server")
    assert server.execute("select count(*) from server_api.session").fetchone() == (0,)
    assert await story(api, job_id) == before
    attempts = (await api.get(f"/v1/jobs/{job_id}/attempts")).body["items"]
    assert [attempt["worker"] for attempt in attempts] == ["tests/worker"]


async def test_dead_letters_and_children(api: Api) -> None:
    server = api.db.connect("server")
    pairs = '[{"task": "echo", "event": "*", "handlers": ["f"]}]'
    server.execute("select server_api.publish_handlers('handlers', %s, 'tests')", [pairs])
    job_id = await api.enqueue()
    session = api.session()
    session.exchange(done=[done(start(session)[0], 1)])
    event_id = one(api.db.connect("admin"), "select id from jobs.outbox")
    handler = api.db.connect("handler")
    handler.execute("select server_api.delay_event(%s, 'boom', 2)", [event_id])
    handler.execute("select server_api.delay_event(%s, 'boom', 2)", [event_id])
    server.execute("select server_api.replay_events('handlers', null, null, 'me', 'mended', null)")
    follow = '[{"id": %s, "follow": [{"job": {"task": "echo", "queue": "default", "args": {}}}]}]'
    handler.execute("select server_api.acknowledge_events(%s)", [follow % event_id])
    events = (await story(api, job_id))[3:]
    assert [event["type"] for event in events] == ["dead_letter", "dead_letter_replayed", "children_started"]
    assert events[0]["detail"] == {"consumer": "handlers", "event": "succeeded", "error": "boom"}
    assert (events[1]["actor"], events[1]["reason"]) == ("me", "mended")
    assert events[2]["actor"] == "handler handlers"
    assert events[2]["detail"] == {"jobs": [job_id + 1], "count": 1}


async def test_expired_and_gone(api: Api) -> None:
    assert (await api.get("/v1/jobs/999/history")).slug == "job-not-found"
    job_id = await api.enqueue()
    limited = await api.make_key("limited", "jobs:read", queues=["other"])
    assert (await api.get(f"/v1/jobs/{job_id}/history", key=limited)).slug == "job-not-found"
    admin = api.db.connect("admin")
    admin.execute("update procrastinate.procrastinate_jobs set expires_at = now()")
    api.db.connect("server").execute("select server_api.expire()")
    assert [event["type"] for event in await story(api, job_id)] == ["created", "expired"]


async def test_no_login_can_change_a_fact(api: Api) -> None:
    await api.enqueue()
    for role in set(LOGINS) - {"migrator"}:
        conn = api.db.connect(role)
        for table in FACTS:
            for statement in (
                "delete from jobs.{}",
                "insert into jobs.{} default values",
                "truncate jobs.{}",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    conn.execute(statement.format(table))
        for view in ("server_api.history", "inspect.history", "server_api.note"):
            with pytest.raises(psycopg.Error) as refused:
                conn.execute(f"delete from {view}")
            assert refused.value.sqlstate in ("42501", "55000")  # no right, or a view that takes no changes


def test_no_function_changes_a_fact() -> None:
    """They are inserted, and go with their job or beyond a bound."""
    fact = re.compile(rf"(update|delete from) (?:jobs\.)?({'|'.join(FACTS)})\b")
    found = {
        (file.name, verb, table)
        for file in read_contract()
        if not file.is_view
        for verb, table in fact.findall(file.text)
    }
    assert found == {
        ("erase", "delete from", "attempt"),
        ("erase", "delete from", "job_event"),
        ("erase", "delete from", "cause"),
        ("rescue", "delete from", "late_results"),
        ("rescue", "delete from", "past_session"),
    }


async def test_people_in_psql_see_it_too(api: Api) -> None:
    job_id = await api.enqueue(args={"password": "hidden"})
    session = api.session()
    session.exchange(done=[done(start(session)[0], "hidden too")])
    rows = api.db.connect("dba").execute(
        "select * from inspect.history where job_id = %s order by at", [job_id]
    )
    told = rows.fetchall()
    assert [row[2] for row in told] == ["created", "started", "succeeded"]
    assert "hidden" not in str(told)
    for role in ("worker", "producer"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api.db.connect(role).execute("select from inspect.history")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api.db.connect(role).execute("select from server_api.history")


def start(session: Session) -> list[dict[str, Any]]:
    """Claims a job and says that it has begun."""
    held = session.claim()
    session.exchange(notes={"started": [[job["id"], job["claim_no"]] for job in held]})
    return held


async def story(api: Api, job_id: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get(f"/v1/jobs/{job_id}/history")).body["items"]
    return items


def one(conn: psycopg.Connection[Any], query: str) -> Any:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]
