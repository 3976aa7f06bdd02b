"""Who subscribes, and what becomes of ends that nobody handles: parked, replayed, discarded; for whom."""

import json
from typing import Any

import psycopg
import pytest

from tests.sql.test_alerts import alerts
from tests.sql.test_verbs import call, refused
from tests.support.cluster import Database
from tests.support.consumer import EVERY, acknowledge, delay, end, outbox, publish, take
from tests.support.protocol import enqueue, job

VERBS = ("replay", "discard")
LETTERS = "id, parked_at is not null, attempts"


def park(db: Database, *jobs: dict[str, Any]) -> list[int]:
    """Dead letters of these jobs; the ids of the events."""
    end(db, *jobs)
    handler = db.connect("handler")
    ids = [event["id"] for event in take(handler)]
    for event_id in ids:
        delay(handler, event_id, "it raised", most=1)
    return ids


def operate(conn: psycopg.Connection[Any], verb: str, *given: Any) -> Any:
    """consumer, ids, task, actor, reason, request id."""
    return call(conn, f"select server_api.{verb}_events(%s, %s, %s, %s, %s, %s)", *given)


def test_publishing_makes_the_subscriptions_what_it_says(db: Database) -> None:
    nothing = {"added": 0, "removed": 0, "changed": 0, "unchanged": 0, "parked": 0}
    a, b = {**EVERY, "task": "a"}, {**EVERY, "task": "b"}
    assert publish(db, a, b) == {**nothing, "added": 2}
    assert publish(db, EVERY, consumer="other") == {**nothing, "added": 1}
    assert publish(db, a, b) == {**nothing, "unchanged": 2}
    assert publish(db, {**a, "handlers": ["shop:new"]}, {**EVERY, "task": "c", "ordered_by": "lock"}) == {
        **nothing, "added": 1, "changed": 1, "removed": 1,
    }  # fmt: skip
    server = db.connect("server")
    query = (
        "select task, event, ordered_by, handlers from server_api.subscription where consumer = %s order by 1"
    )
    assert server.execute(query, ["handlers"]).fetchall() == [
        ("a", "*", "job", ["shop:new"]), ("c", "*", "lock", ["shop:all"]),
    ]  # fmt: skip
    audited = server.execute("select actor, target, detail from server_api.audit order by id").fetchall()
    assert audited == [
        ("me", "handlers", {"added": 2, "removed": 0, "changed": 0, "parked": 0}),
        ("me", "other", {"added": 1, "removed": 0, "changed": 0, "parked": 0}),
        ("me", "handlers", {"added": 1, "removed": 1, "changed": 1, "parked": 0}),
    ]


@pytest.mark.parametrize("consumer", ["flows", "webhooks"])
def test_onewriters_own_consumers_are_not_published(db: Database, consumer: str) -> None:
    state, detail = refused(
        db.connect("server"), "select server_api.publish_handlers(%s, '[]', 'me')", consumer
    )
    assert (state, detail["field"]) == ("OWV01", "consumer")


def test_what_waits_for_a_pair_that_went_becomes_a_dead_letter(db: Database) -> None:
    publish(db, {**EVERY, "task": "a"}, {**EVERY, "task": "b", "event": "succeeded"}, {**EVERY, "task": "c"})
    a, b, c = end(db, *[job(task=task) for task in "abc"])
    delay(db.connect("handler"), outbox(db, "id")[0][0])
    assert (
        publish(db, {**EVERY, "event": "succeeded"}, {**EVERY, "task": "b", "event": "failed"})["parked"] == 0
    )
    assert publish(db, {**EVERY, "task": "c"})["parked"] == 2
    error = "nobody subscribes to this any more"
    assert outbox(db, "job_id, parked_at is not null, next_at, error") == [
        (a, True, None, error), (b, True, None, error), (c, False, None, None),
    ]  # fmt: skip
    server = db.connect("server")
    assert refused(server, "select server_api.replay_events('handlers', null, 'a', 'me', 'why', null)") == (
        "OWS01", {"consumer": "handlers"},
    )  # fmt: skip
    publish(db, {**EVERY, "task": "b"})
    assert operate(server, "replay", "handlers", None, None, "me", "mended", None) == {"replayed": 1}
    assert [event["job"]["id"] for event in take(db.connect("handler"))] == [b]


def test_a_dead_letter_is_replayed_as_if_new(db: Database) -> None:
    publish(db, EVERY)
    first, second, third = park(db, job(), job(task="other"), job(task="other"))
    server, listener = db.connect("server"), db.connect("server")
    listener.execute("listen ow_out")
    assert operate(server, "replay", "handlers", [first, 99], None, "me", "mended", "r1") == {"replayed": 1}
    assert [n.channel for n in listener.notifies(timeout=5, stop_after=1)] == ["ow_out"]
    assert [(e["id"], e["deliveries"]) for e in take(db.connect("handler"))] == [(first, 0)]
    assert operate(server, "replay", "handlers", [first], None, "me", "twice", None) == {"replayed": 0}
    assert operate(server, "replay", "nobody", None, None, "me", "none", None) == {"replayed": 0}
    assert (
        call(db.connect("dba"), "select operator_api.replay_events('handlers', 'all', task => 'other')") == 2
    )
    assert outbox(db, LETTERS) == [(first, False, 0), (second, False, 0), (third, False, 0)]
    lines = server.execute(
        "select actor, action, target, reason, detail from server_api.audit where id > 1"
    ).fetchall()
    assert lines == [
        (
            "me",
            "handlers.replay",
            "handlers",
            "mended",
            {"replayed": 1, "ids": [first, 99], "request_id": "r1"},
        ),
        ("onewriter_test_dba", "handlers.replay", "handlers", "all", {"replayed": 2, "task": "other"}),
    ]


def test_a_discarded_one_is_gone_and_its_job_may_go(db: Database) -> None:
    publish(db, EVERY)
    first, _ = park(db, job(), job())
    (waiting,) = end(db, job())
    server = db.connect("server")
    assert operate(server, "discard", "handlers", [first], None, "me", "stale", None) == {"discarded": 1}
    assert call(db.connect("dba"), "select operator_api.discard_events('handlers', 'all')") == 1
    assert outbox(db, "job_id, parked_at") == [(waiting, None)]
    state, _ = refused(server, "select server_api.remove(%s, 'me', null)", waiting)
    assert state == "OWS01"
    call(server, "select server_api.remove(%s, 'me', null)", waiting - 1)
    detail = call(
        server, "select detail from server_api.audit where action = 'handlers.discard' order by id limit 1"
    )
    assert detail == {"discarded": 1, "events": ["succeeded of job 1"]}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("reason", [None, "", " "])
def test_a_verb_needs_a_reason(same_db: Database, verb: str, reason: str | None) -> None:
    query = f"select server_api.{verb}_events('handlers', null, null, 'me', %s, null)"
    assert refused(same_db.connect("server"), query, reason) == (
        "OWV01", {"field": "reason", "message": "is mandatory"},
    )  # fmt: skip


def test_people_see_who_subscribes_and_what_is_dead_without_arguments(db: Database) -> None:
    publish(db, EVERY)
    publish(db, {**EVERY, "task": "mail"}, consumer="mails")
    (dead,) = park(db, job(args={"token": "s3cret"}))
    end(db, job())
    dba = db.connect("dba")
    figures = "consumer_waiting, consumer_delayed, consumer_dead"
    query = f"select consumer, task, handlers, {figures} from inspect.handlers"
    assert dba.execute(query.encode()).fetchall() == [
        ("handlers", "*", ["shop:all"], 1, 0, 1), ("mails", "mail", ["shop:all"], 0, 0, 0),
    ]  # fmt: skip
    assert dba.execute("select id, args, error from inspect.dead_letters").fetchall() == [
        (dead, {"token": "string"}, "it raised")
    ]
    letter = "select id, consumer, event, task, queue, job_id, attempts from server_api.dead_letter"
    assert db.connect("handler").execute(letter.encode()).fetchall() == [
        (dead, "handlers", "succeeded", "echo", "default", 1, 1)
    ]


def test_dead_letters_and_a_consumer_that_stands_still_are_alerts(db: Database) -> None:
    publish(db, EVERY)
    dba, admin = db.connect("dba"), db.connect("admin")
    park(db, job())
    end(db, job(), job())
    found = alerts(dba)
    assert (found["dead_letters"]["value"], "outbox_stalled" in found) == (1, False)
    assert "1 of handlers" in found["dead_letters"]["detail"]
    admin.execute("update jobs.outbox set at = now() - interval '61 s'")
    assert alerts(dba)["outbox_stalled"]["value"] == pytest.approx(61, abs=5)
    # What waits behind one that is to be tried again later is nobody's fault.
    admin.execute("update jobs.outbox set order_key = 'key a'")
    delay(db.connect("handler"), outbox(db, "id")[1][0])
    assert "outbox_stalled" not in alerts(dba)
    figures = call(db.connect("server"), "select server_api.metrics()")["outbox"]
    assert [{**line, "oldest": round(line["oldest"], -1)} for line in figures] == [
        {"consumer": "handlers", "waiting": 1, "delayed": 1, "dead": 1, "oldest": 60.0}
    ]


CALLS = {
    "take_events('handlers', '{*}', '{*}', 1)": "handler",
    "acknowledge_events('[]')": "handler",
    "delay_event(1, 'x', 1)": "handler",
    "next_event('handlers', '{*}', '{*}')": "handler",
    "draw_job_ids(1)": "handler",
    "publish_handlers('handlers', '[]', 'me')": "server",
    "replay_events('handlers', null, null, 'me', 'why', null)": "server",
    "discard_events('handlers', null, null, 'me', 'why', null)": "server",
}


@pytest.mark.parametrize("function", CALLS)
def test_who_may_call_what(db: Database, function: str) -> None:
    """Handlers take ends, the API's login decides who gets any: neither does the other's."""
    db.connect(CALLS[function]).execute(f"select server_api.{function}".encode())
    for role in {"server", "handler", "worker", "producer", "dba", "janitor"} - {CALLS[function]}:
        assert refused(db.connect(role), f"select server_api.{function}")[0] == "42501"


def test_a_handler_may_write_nothing_of_onewriters(same_db: Database) -> None:
    handler = same_db.connect("handler")
    for statement in (
        "delete from jobs.outbox",
        "insert into jobs.subscription (task, event, consumer) values ('a', '*', 'b')",
        "update procrastinate.procrastinate_jobs set status = 'succeeded'",
        "select jobs.record_ends('{1}')",
        "select operator_api.discard_events('handlers', 'why')",
        "select server_api.cancel(1, 'me', null)",
        "select * from server_api.api_key",
    ):
        assert refused(handler, statement)[0] == "42501", statement
    assert json.dumps(handler.execute("show search_path").fetchone()) == '["server_api, procrastinate"]'


def test_one_acknowledgement_of_two_that_is_too_late_undoes_both(db: Database) -> None:
    publish(db, EVERY)
    end(db, job(), job())
    handler = db.connect("handler")
    first, second = (event["id"] for event in take(handler))
    acknowledge(handler, {"id": first})
    acks = json.dumps([{"id": first}, {"id": second}])
    assert refused(handler, "select server_api.acknowledge_events(%s)", acks) == ("OWS01", {"ids": [first]})
    assert len(take(handler)) == 1


def test_an_enqueue_of_a_handler_in_plain_sql_is_a_job(db: Database) -> None:
    """Without the helpers of app.handlers."""
    server = db.connect("server")
    tasks = json.dumps({"catalogue": 1, "tasks": [{"name": "echo", "schema": {}}]})
    server.execute("select server_api.publish_tasks('here', %s, 'test')", [tasks])
    handler = db.connect("handler")
    job_id = call(handler, "select server_api.enqueue('echo', '{}')")
    assert job_id in [row[0] for row in server.execute("select id from server_api.job").fetchall()]
    assert enqueue(server, job()) == [job_id + 1]
