"""Ends as their consumers see them: told once, in order, acknowledged together with what follows."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.sql.test_verbs import call, refused
from tests.support.cluster import Database
from tests.support.consumer import EVERY, acknowledge, delay, end, outbox, publish, take
from tests.support.protocol import Session, done, enqueue, expire_lease, job, rescue, retry

NEXT = "select server_api.next_event('handlers', '{*}', '{*}')"


def by_job(events: list[dict[str, Any]]) -> list[int]:
    return [event["job"]["id"] for event in events]


def test_an_end_is_taken_by_one_consumer_and_gone_when_it_is_acknowledged(db: Database) -> None:
    publish(db, EVERY)
    (job_id,) = end(db, job(args={"n": 1}, key="acme"), result={"ok": True})
    handler, other = db.connect("handler"), db.connect("handler")
    with handler.transaction():
        (event,) = take(handler)
        assert take(other) == []
        assert acknowledge(handler, {"id": event["id"]}) == {"jobs": [], "skipped": [], "wake": []}
    assert event["job"] | {"created_at": None} == {
        "id": job_id, "task": "echo", "queue": "default", "key": "acme", "lock": None, "args": {"n": 1},
        "priority": 0, "created_at": None, "parent_id": None, "run_id": None,
    }  # fmt: skip
    assert [event[field] for field in ("event", "result", "attempt", "deliveries", "reason", "error")] == [
        "succeeded", {"ok": True}, 1, 0, None, None,
    ]  # fmt: skip
    assert take(other) == []
    state, detail = refused(
        handler, "select server_api.acknowledge_events(%s)", json.dumps([{"id": event["id"]}])
    )
    assert (state, detail) == ("OWS01", {"ids": [event["id"]]})


def test_what_is_not_committed_is_taken_again(db: Database) -> None:
    publish(db, EVERY)
    end(db, job())
    handler = db.connect("handler")
    with handler.transaction(force_rollback=True):
        (event,) = take(handler)
        acknowledge(handler, {"id": event["id"]})
    with handler.transaction():
        assert take(handler) == [event]


def test_every_way_in_which_a_job_ends_is_told(db: Database) -> None:
    publish(db, EVERY)
    server, session = db.connect("server"), Session(db)
    cancelled, expired = enqueue(server, job(delay=3600), job(delay=3600))
    server.execute("select server_api.cancel(%s, 'me', null)", [cancelled])
    db.connect("admin").execute(
        "update procrastinate.procrastinate_jobs set expires_at = now() where id = %s", [expired]
    )
    assert "ow_out" in call(server, "select server_api.expire()")["wake"]
    failed, aborted, spent, crashed = enqueue(
        server, *[job(priority=n, max_attempts=2) for n in (4, 3, 2, 1)]
    )
    held = {item["id"]: item for item in session.claim(4)}
    session.exchange(done=[done(held[failed], how="failed", error="no", reason="unknown_task")])
    server.execute("select server_api.cancel(%s, 'me', null)", [aborted])
    session.exchange(done=[done(held[aborted], how="aborted")], retry=[retry(held[spent])])
    session.exchange(retry=[retry(session.claim(1)[0])])
    for _ in range(3):
        expire_lease(db, session)
        answer = rescue(server)
        session = Session(db)
        session.claim(1)
    assert "ow_out" in answer["wake"]
    assert sorted(outbox(db)) == [
        (cancelled, "cancelled", None, f"job {cancelled}"), (expired, "failed", None, f"job {expired}"),
        (failed, "failed", 1, f"job {failed}"), (aborted, "aborted", 1, f"job {aborted}"),
        (spent, "failed", 2, f"job {spent}"), (crashed, "failed", 3, f"job {crashed}"),
    ]  # fmt: skip
    handler = db.connect("handler")
    told = {
        event["job"]["id"]: (event["reason"], event["attempt"], event["error"]) for event in take(handler)
    }
    assert told[failed] == ("unknown_task", 1, "no")
    assert (told[expired], told[cancelled]) == (("expired", 0, None), (None, 0, None))
    assert (told[spent][:2], told[crashed][0]) == (("error", 2), "lost")


def test_an_end_tells_of_its_own_run_after_the_job_ran_anew(db: Database) -> None:
    publish(db, EVERY)
    server, session = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job())
    session.exchange(done=[done(session.claim(1)[0], how="failed", error="first")])
    server.execute("select server_api.retry(%s, 'me', null)", [job_id])
    session.exchange(done=[done(session.claim(1)[0], {"n": 2})])
    handler = db.connect("handler")
    with handler.transaction():
        assert [(e["event"], e["attempt"], e["error"], e["result"]) for e in take(handler)] == [
            ("failed", 1, "first", None), ("succeeded", 2, None, {"n": 2}),
        ]  # fmt: skip


def test_each_consumer_has_its_own_copy_and_its_most_specific_pair_orders(db: Database) -> None:
    publish(db, EVERY, {"task": "echo", "event": "*", "ordered_by": "key"}, consumer="a")
    publish(db, {"task": "echo", "event": "failed"}, {"task": "*", "event": "succeeded"}, consumer="b")
    publish(db, {"task": "other", "event": "*"}, consumer="c")
    first, second = end(db, job(key="acme"), job())
    assert outbox(db, "consumer, job_id, order_key") == [
        ("a", first, "key acme"), ("b", first, f"job {first}"),
        ("a", second, f"job {second}"), ("b", second, f"job {second}"),
    ]  # fmt: skip
    handler = db.connect("handler")
    assert by_job(take(handler, consumer="a", pair=("echo", "failed"))) == []
    assert by_job(take(handler, consumer="a", pair=("echo", "succeeded"))) == [first, second]


def test_follow_ups_start_with_the_acknowledgement(db: Database) -> None:
    publish(db, EVERY)
    server = db.connect("server")
    parent, holder = end(db, job())[0], enqueue(server, job(queueing_lock="one", delay=60))[0]
    handler = db.connect("handler")
    first, second, third = call(handler, "select server_api.draw_job_ids(3)")
    follow = [
        {"job": job(id=first, task="mail", queue="mails", args={"to": "a"})},
        {"job": job(id=second, queueing_lock="one")},
        {"job": job(id=third, delay=60)},
    ]
    with handler.transaction(force_rollback=True):
        (event,) = take(handler)
        acknowledge(handler, {"id": event["id"], "follow": follow})
    assert [row[0] for row in server.execute("select id from server_api.job order by id")] == [parent, holder]
    with handler.transaction():
        (event,) = take(handler)
        answer = acknowledge(handler, {"id": event["id"], "follow": follow})
    assert (answer["jobs"], answer["skipped"]) == ([first, third], [second])
    assert "ow_any" in answer["wake"]
    query = "select id, task, cause, parent_id from server_api.job where id >= %s order by id"
    assert server.execute(query, [first]).fetchall() == [
        (job_id, task, {"kind": "parent", "actor": "handler handlers", "ref": f"job {parent}"}, parent)
        for job_id, task in ((first, "mail"), (third, "echo"))
    ]  # fmt: skip


@pytest.mark.parametrize("given", ["in use", "never drawn", "twice", "no job"])
def test_a_follow_up_needs_an_id_of_its_own(db: Database, given: str) -> None:
    publish(db, EVERY)
    (parent,) = end(db, job())
    handler = db.connect("handler")
    (drawn,) = call(handler, "select server_api.draw_job_ids(1)")
    follow: list[dict[str, Any]] = {
        "in use": [{"job": job(id=parent)}],
        "never drawn": [{"job": job(id=drawn + 1)}],
        "twice": [{"job": job(id=drawn)}, {"job": job(id=drawn)}],
        "no job": [{"job": job(id=drawn)}, {"what": 1}],
    }[given]
    (event,) = take(handler)
    acks = json.dumps([{"id": event["id"], "follow": follow}])
    state, _ = refused(handler, "select server_api.acknowledge_events(%s)", acks)
    assert state == "OWV01"
    assert len(take(handler)) == 1
    assert call(handler, "select max(id) from server_api.job") == parent


def test_a_failure_is_tried_again_later_and_later_and_then_parked(db: Database) -> None:
    publish(db, EVERY)
    end(db, job())
    handler, admin = db.connect("handler"), db.connect("admin")
    (event,) = take(handler)
    waits = []
    for n in range(1, 13):
        answer = delay(handler, event["id"], error="x" * 20_000, most=12)
        assert answer is not None
        assert (answer["deliveries"], answer["parked"]) == (n, n == 12)
        assert take(handler) == []
        waits.append(answer["seconds"])
        due = call(handler, NEXT)
        assert due == (None if n == 12 else pytest.approx(answer["seconds"], abs=5))
        admin.execute("update jobs.outbox set next_at = now() where next_at is not null")
        assert [e["deliveries"] for e in take(handler)] == ([] if n == 12 else [n])
    assert waits[-1] is None
    assert all(0.74 * most <= s <= most for s, most in zip(waits, [2**n for n in range(10)], strict=False))
    assert 450 <= waits[-2] <= 600
    assert delay(handler, event["id"]) is None
    assert outbox(db, "attempts, length(error), next_at, parked_at is not null") == [(12, 4096, None, True)]


def test_one_order_key_after_another_and_others_beside_it(db: Database) -> None:
    publish(db, {**EVERY, "ordered_by": "key"})
    a1, a2, b1, a3 = end(db, job(key="a"), job(key="a"), job(key="b"), job(key="a"))
    one, two = db.connect("handler"), db.connect("handler")
    with one.transaction():
        (first,) = take(one, 1)
        assert first["job"]["id"] == a1
        with two.transaction(force_rollback=True):
            assert by_job(take(two)) == [b1]
        assert call(two, NEXT) == 0
    with one.transaction():
        assert by_job(take(one)) == [a1, a2, b1, a3]
        assert call(two, NEXT) == pytest.approx(1, abs=0.2)
    delay(one, first["id"])
    assert by_job(take(one)) == [b1]
    delay(one, first["id"], most=1)
    assert by_job(take(one)) == [a2, b1, a3]
    with one.transaction():
        assert by_job(take(one, pair=("echo", "failed"))) == []
    call(
        db.connect("server"), "select server_api.replay_events('handlers', null, null, 'me', 'mended', null)"
    )
    assert by_job(take(one)) == [a1, a2, b1, a3]


def test_ends_recorded_at_the_same_time_are_handled_one_at_a_time(db: Database) -> None:
    """The later one is seen first: its transaction was the first to commit."""
    publish(db, {**EVERY, "ordered_by": "key"})
    server, late = db.connect("server"), Session(db)
    first, second = enqueue(server, job(key="a"), job(key="a"))
    held = {item["id"]: item for item in late.claim(1)}
    early = Session(db, "worker2")
    held |= {item["id"]: item for item in early.claim(1)}
    one, two = db.connect("handler"), db.connect("handler")
    with late.connection.transaction():
        late.exchange(done=[done(held[first])])
        early.exchange(done=[done(held[second])])
        one.execute("begin")
        assert by_job(take(one)) == [second]
    assert by_job(take(two)) == []
    one.execute("rollback")
    assert by_job(take(two)) == [first, second]


@pytest.mark.parametrize("ordered_by", ["job", "key", "lock"])
def test_two_consumers_at_once_keep_the_order_of_each_key(db: Database, ordered_by: str) -> None:
    """Whatever the two do, the ends of one key are applied in the order in which they came, each once."""
    publish(db, {**EVERY, "ordered_by": ordered_by})
    db.connect("admin").execute(
        "insert into jobs.outbox (consumer, event, task, job_id, order_key, at)"
        " select 'handlers', 'cancelled', 'echo', %s, format('%%s %%s', %s::text, n %% 7), now()"
        " from generate_series(1, 300) as n",
        [enqueue(db.connect("server"), job(delay=60))[0], ordered_by],
    )
    applied: list[int] = []
    busy: set[str] = set()
    keys = dict(outbox(db, "id, order_key"))

    def consume() -> None:
        handler = db.connect("handler", autocommit=False)
        while len(applied) < len(keys):
            events = take(handler, 5)
            mine = {keys[event["id"]] for event in events}
            assert not busy & mine
            busy.update(mine)
            applied.extend(event["id"] for event in events)
            acknowledge(handler, *({"id": event["id"]} for event in events))
            busy.difference_update(mine)
            handler.commit()

    with ThreadPoolExecutor(2) as pool:
        for consumer in [pool.submit(consume) for _ in range(2)]:
            consumer.result(60)
    assert sorted(applied) == sorted(keys)
    for key in set(keys.values()):
        ids = [event for event in applied if keys[event] == key]
        assert ids == sorted(ids)
