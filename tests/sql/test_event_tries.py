"""Tries of an event that are counted before they are made; which events the queue still has."""

import pytest

from tests.sql.test_verbs import call, refused
from tests.support.cluster import Database
from tests.support.consumer import EVERY, acknowledge, delay, end, publish, take
from tests.support.protocol import job

SAY_WHY = "select server_api.delay_event(%s, %s, %s, true)"


def test_a_try_that_was_counted_is_not_counted_twice(db: Database) -> None:
    publish(db, EVERY)
    end(db, job())
    handler = db.connect("handler")
    (event,) = take(handler)
    first = delay(handler, event["id"], "it may die", 3)
    assert first is not None and first["deliveries"] == 1
    again = call(handler, SAY_WHY, event["id"], "it raised", 3)
    assert (again["parked"], again["deliveries"]) == (False, 1)
    # The pause is that of the first failure, however often it is told.
    assert 0 < again["seconds"] <= 1
    said = db.connect("admin").execute("select attempts, error from jobs.outbox").fetchone()
    assert said == (1, "it raised")


def test_the_last_counted_try_parks(db: Database) -> None:
    publish(db, EVERY)
    end(db, job())
    handler = db.connect("handler")
    (event,) = take(handler)
    assert delay(handler, event["id"], "it may die", 2) is not None
    assert call(handler, SAY_WHY, event["id"], "it raised", 1) == {
        "parked": True, "deliveries": 1, "seconds": None
    }  # fmt: skip
    assert call(handler, SAY_WHY, event["id"], "late", 1) is None


def test_which_events_stand(db: Database) -> None:
    publish(db, EVERY)
    end(db, job(), job(), job())
    handler = db.connect("handler")
    waits, dead, done = (event["id"] for event in take(handler))
    delay(handler, dead, most=1)
    acknowledge(handler, {"id": done})
    query = "select server_api.standing_events(%s)"
    assert sorted(call(handler, query, [waits, dead, done, 9999])) == [waits, dead]


@pytest.mark.parametrize("role", ["server", "worker", "producer", "dba", "janitor"])
def test_only_handlers_ask_which_stand(same_db: Database, role: str) -> None:
    assert refused(same_db.connect(role), "select server_api.standing_events('{1}')")[0] == "42501"
