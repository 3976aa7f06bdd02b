"""A consumer of ends spoken by hand: subscriptions without modules, events without a process."""

import json
from typing import Any

import psycopg

from tests.support.cluster import Database
from tests.support.protocol import Session, done, enqueue

EVERY = {"task": "*", "event": "*", "ordered_by": "job", "handlers": ["shop:all"]}


def publish(db: Database, *pairs: dict[str, Any], consumer: str = "handlers") -> dict[str, Any]:
    """Makes these pairs all that the consumer subscribes to."""
    query = "select server_api.publish_handlers(%s, %s, 'me')"
    with db.connect("server") as server:
        row = server.execute(query, [consumer, json.dumps(pairs)]).fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


def take(
    handler: psycopg.Connection[Any],
    limit: int = 100,
    *,
    consumer: str = "handlers",
    pair: tuple[str, str] = ("*", "*"),
) -> list[dict[str, Any]]:
    """Events of this consumer; its own until the connection's transaction ends."""
    query = "select server_api.take_events(%s, %s, %s, %s)"
    row = handler.execute(query, [consumer, [pair[0]], [pair[1]], limit]).fetchone()
    assert row is not None
    events: list[dict[str, Any]] = json.loads(row[0])
    return events


def acknowledge(handler: psycopg.Connection[Any], *acks: dict[str, Any]) -> dict[str, Any]:
    """Each an event's id, and what is to follow it."""
    query = "select server_api.acknowledge_events(%s)"
    row = handler.execute(query, [json.dumps(acks)]).fetchone()
    assert row is not None
    answer: dict[str, Any] = json.loads(row[0])
    return answer


def delay(
    handler: psycopg.Connection[Any], event_id: int, error: str = "boom", most: int = 10
) -> dict[str, Any] | None:
    row = handler.execute("select server_api.delay_event(%s, %s, %s)", [event_id, error, most]).fetchone()
    assert row is not None
    answer: dict[str, Any] | None = row[0]
    return answer


def outbox(db: Database, columns: str = "job_id, event, claim_no, order_key") -> list[tuple[Any, ...]]:
    """Every event that is not acknowledged, dead letters too."""
    with db.connect("admin") as admin:
        return admin.execute(f"select {columns} from jobs.outbox order by id".encode()).fetchall()


def end(db: Database, *jobs: dict[str, Any], result: Any = None) -> list[int]:
    """Jobs that have run and succeeded, in this order."""
    ids = enqueue(db.connect("server"), *jobs)
    session = Session(db)
    for job_id in ids:
        (held,) = [item for item in session.claim(1) if item["id"] == job_id]
        session.exchange(done=[done(held, result)])
    session.close()
    return ids
