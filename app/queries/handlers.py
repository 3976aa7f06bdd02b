"""Consumers of ends: what they subscribe to, how much waits for them, and their dead letters."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from psycopg import sql
from psycopg.rows import class_row

from app.database.pool import Connection

Event = Literal["succeeded", "failed", "cancelled", "aborted", "finished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A pair of a task and an event, * for any; `ordered_by` is job, key or lock."""

    task: str
    event: str
    ordered_by: str
    handlers: list[str]
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Counts go up to 10,000. `due_since`: how long the eldest event has waited that could be handled."""

    consumer: str
    waiting: int
    delayed: int
    dead: int
    oldest_at: datetime | None
    due_since: datetime | None
    subscriptions: list[Subscription]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An end whose handlers raised `attempts` times, the last time with `error`."""

    id: int
    consumer: str
    event: Event
    task: str | None
    queue: str | None
    job_id: int | None
    run_id: int | None
    order_key: str
    attempts: int
    error: str | None
    at: datetime
    parked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """None is no limit. The patterns are LIKE patterns: what the caller may see at all."""

    id: int | None = None
    consumer: str | None = None
    task: str | None = None
    after_id: int | None = None
    queue_patterns: list[str] | None = None
    task_patterns: list[str] | None = None


_CONDITIONS: dict[str, LiteralString] = {
    "id": "id = %(id)s",
    "consumer": "consumer = %(consumer)s",
    "task": "task = %(task)s",
    "after_id": "id > %(after_id)s",
    "queue_patterns": "queue like any (%(queue_patterns)s)",
    "task_patterns": "task like any (%(task_patterns)s)",
}
_LETTER = sql.SQL(", ").join(sql.Identifier(name) for name in DeadLetter.__dataclass_fields__)
_STATES = """
    select consumer, waiting, delayed, dead, oldest_at, due_since from server_api.outbox_state
     order by consumer"""
_SUBSCRIPTIONS = """
    select task, event, ordered_by, handlers, published_at, consumer from server_api.subscription
     order by task, event"""


async def list_consumers(conn: Connection) -> list[Consumer]:
    """By name: whoever subscribes, and whoever is left with something."""
    states = await (await conn.execute(_STATES)).fetchall()
    rows = await (await conn.execute(_SUBSCRIPTIONS)).fetchall()
    return [
        Consumer(
            consumer=consumer,
            waiting=waiting,
            delayed=delayed,
            dead=dead,
            oldest_at=oldest_at,
            due_since=due_since,
            subscriptions=[_subscription(row) for row in rows if row[-1] == consumer],
        )
        for consumer, waiting, delayed, dead, oldest_at, due_since in states
    ]


async def list_dead_letters(
    conn: Connection, *, where: LetterFilter, limit: int | None = None
) -> list[DeadLetter]:
    """The oldest first."""
    given = {name: value for name in _CONDITIONS if (value := getattr(where, name)) is not None}
    conditions = sql.SQL(" and ").join([sql.SQL("true"), *(sql.SQL(_CONDITIONS[name]) for name in given)])
    statement = sql.SQL("select {} from server_api.dead_letter where {} order by id limit %(limit)s").format(
        _LETTER, conditions
    )
    async with conn.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return await (await cursor.execute(statement, {**given, "limit": limit})).fetchall()


def _subscription(row: tuple[Any, ...]) -> Subscription:
    task, event, ordered_by, handlers, published_at, _ = row
    return Subscription(
        task=task, event=event, ordered_by=ordered_by, handlers=handlers, published_at=published_at
    )
