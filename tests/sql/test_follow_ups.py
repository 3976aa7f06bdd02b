"""What an acknowledgement of many events starts: one insert, each job with its own event's job as parent."""

import json
from typing import Any

import psycopg
import pytest

from tests.sql.test_flows import chain
from tests.sql.test_prune import DAY, grow_old, prune
from tests.sql.test_verbs import call
from tests.support.cluster import Database
from tests.support.consumer import EVERY, acknowledge, end, publish, take
from tests.support.plans import nested_plans
from tests.support.protocol import job

Conn = psycopg.Connection[Any]


@pytest.fixture
def handler(db: Database) -> Conn:
    publish(db, EVERY)
    return db.connect("handler")


def events(db: Database, handler: Conn, n: int) -> list[tuple[int, int]]:
    """Ends of this many jobs: each event's id with its job's."""
    end(db, *[job() for _ in range(n)])
    return [(event["id"], event["job"]["id"]) for event in take(handler)]


def drawn(handler: Conn, n: int) -> list[int]:
    ids: list[int] = call(handler, "select server_api.draw_job_ids(%s)", n)
    return ids


def follows(event: tuple[int, int], *jobs: dict[str, Any]) -> dict[str, Any]:
    return {"id": event[0], "follow": [{"job": one} for one in jobs]}


def causes(db: Database) -> list[tuple[Any, ...]]:
    query = "select parent_id, first_job, last_job, kind, actor, ref from jobs.cause order by 1, 2"
    return db.connect("admin").execute(query).fetchall()


def children(db: Database, parent: int) -> list[int]:
    query = "select id from server_api.child where parent_id = %s order by id"
    return [row[0] for row in db.connect("server").execute(query, [parent])]


def test_each_event_is_the_cause_of_its_own_jobs(db: Database, handler: Conn) -> None:
    """However their drawn ids lie between each other's; jobs without one come in the order asked for."""
    first, second, third = events(db, handler, 3)
    a = drawn(handler, 4)
    answer = acknowledge(
        handler,
        follows(first, job(id=a[3]), job(id=a[0], task="mail")),
        follows(second),
        follows(third, job(id=a[2]), job(), job(id=a[1], queue="mails")),
    )
    late = answer["jobs"][3]
    assert answer["jobs"] == [a[3], a[0], a[2], late, a[1]] and late > a[3]
    assert answer["skipped"] == [] and len(answer["wake"]) == 4
    why = ("parent", "handler handlers")
    assert causes(db) == [
        (first[1], a[0], a[3], *why, f"job {first[1]}"),
        (third[1], a[1], late, *why, f"job {third[1]}"),
    ]
    assert children(db, first[1]) == [a[0], a[3]]
    assert children(db, third[1]) == [a[1], a[2], late]


def test_a_gap_within_an_events_ids_begins_another_cause(db: Database, handler: Conn) -> None:
    """Even where another event's ids fill it, so that its jobs are found by short ranges."""
    first, second = events(db, handler, 2)
    a, b, c = (drawn(handler, 1000)[0] for _ in range(3))
    acknowledge(handler, follows(first, job(id=c), job(id=a)), follows(second, job(id=b)))
    assert [row[:3] for row in causes(db)] == [(first[1], a, a), (first[1], c, c), (second[1], b, b)]
    assert children(db, first[1]) == [a, c]


def test_a_cause_goes_with_the_last_of_its_own_jobs(db: Database, handler: Conn) -> None:
    """Though jobs of another cause lie between its first and its last."""
    first, second = events(db, handler, 2)
    a = drawn(handler, 4)
    acknowledge(
        handler,
        follows(first, job(id=a[0]), job(id=a[3])),
        follows(second, job(id=a[1]), job(id=a[2])),
    )
    server = db.connect("server")
    left = [
        (a[0], [first[1], second[1]]),
        (a[1], [first[1], second[1]]),
        (a[3], [second[1]]),
        (a[2], []),
    ]
    publish(db)
    for job_id, parents in left:
        call(server, "select server_api.cancel(%s, 'me', null)", job_id)
        grow_old(db, 31 * DAY)
        prune(server)
        assert [row[0] for row in causes(db)] == parents, job_id


def test_a_taken_queueing_lock_leaves_one_job_out_and_no_cause(db: Database, handler: Conn) -> None:
    first, second, third = events(db, handler, 3)
    a = drawn(handler, 3)
    once = {"queueing_lock": "q"}
    answer = acknowledge(
        handler,
        follows(first, job(id=a[0], **once)),
        follows(second, job(id=a[1], **once)),
        follows(third, job(id=a[2])),
    )
    assert (answer["jobs"], answer["skipped"]) == ([a[0], a[2]], [a[1]])
    assert [row[0] for row in causes(db)] == [first[1], third[1]]


@pytest.mark.parametrize(
    ("fault", "sqlstate"),
    [({"queue": "narrow"}, "OWT01"), ({"max_attempts": 0}, "OWV01"), ({"id": 10**9}, "OWV01")],
)
def test_one_that_is_refused_refuses_the_whole_call(
    db: Database, handler: Conn, fault: dict[str, Any], sqlstate: str
) -> None:
    admin = db.connect("admin")
    admin.execute("""insert into jobs.queue (name, takes) values ('narrow', '[["http.*"]]')""")
    found = events(db, handler, 3)
    acks = [follows(event, job(**(fault if n == 1 else {}))) for n, event in enumerate(found)]
    with pytest.raises(psycopg.Error) as refusal:
        acknowledge(handler, *acks)
    assert refusal.value.sqlstate == sqlstate
    assert len(take(handler)) == 3 and causes(db) == []


def test_flows_have_the_event_of_their_own_as_parent(db: Database, handler: Conn) -> None:
    first, second = events(db, handler, 2)
    acks = [{"id": event[0], "follow": [chain(job()), {"job": job()}]} for event in (first, second)]
    answer = acknowledge(handler, *acks)
    jobs = answer["jobs"]
    assert [children(db, event[1]) for event in (first, second)] == [[jobs[0], jobs[2]], [jobs[1], jobs[3]]]


def test_many_events_make_one_insert(db: Database, handler: Conn) -> None:
    found = events(db, handler, 20)
    acks = json.dumps([follows(event, job()) for event in found])
    with psycopg.connect(db.dsn("admin"), autocommit=True) as conn:
        seen = nested_plans(
            conn, "handler", "select server_api.acknowledge_events(%s)", [acks], "insert into"
        )
    made = [text for text in seen if "into procrastinate_jobs" in text or "into jobs.cause" in text]
    assert len(made) == 2, made
