"""The consumer's statements on the queue's database; each is one function of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from app.handlers.events import Event, decode_events
from app.handlers.registry import Pair

TAKE = "select server_api.require_armed(%s), server_api.take_events(%s, %s, %s, %s)"
ACKNOWLEDGE = "select server_api.acknowledge_events(%s)"
DELAY = "select server_api.delay_event(%s, %s, %s, %s)::text"
NEXT = "select server_api.next_event(%s, %s, %s)"
STANDING = "select server_api.standing_events(%s)"
DRAW = "select server_api.draw_job_ids(%s)"


class Fetching(Protocol):
    """A link in its transaction, or the desk, where each statement is one. Raises psycopg errors."""

    async def fetch(self, query: str, *params: Any) -> list[tuple[Any, ...]]: ...


class Delayed(msgspec.Struct, frozen=True):
    """`deliveries` are the tries so far; a parked event is a dead letter."""

    parked: bool
    deliveries: int


class Acknowledged(msgspec.Struct, frozen=True):
    """`skipped` are follow-ups whose queueing lock was taken; `wake` is to be signalled after the commit."""

    jobs: list[int]
    skipped: list[int]
    wake: list[str]


@dataclass(frozen=True, slots=True)
class Whose:
    """What a consumer takes: events of its name, of these pairs."""

    consumer: str
    environment: str
    tasks: list[str]
    events: list[str]

    @classmethod
    def of(cls, consumer: str, environment: str, pairs: list[Pair]) -> Whose:
        return cls(consumer, environment, [pair.task for pair in pairs], [pair.event for pair in pairs])


async def take(conn: Fetching, whose: Whose, most: int) -> list[Event]:
    """They are this transaction's. Raises OWE01 and OWE02 in a copy that nobody armed."""
    rows = await conn.fetch(TAKE, whose.environment, whose.consumer, whose.tasks, whose.events, most)
    return decode_events(rows[0][1])


async def acknowledge(conn: Fetching, follow: dict[int, list[Any]]) -> Acknowledged:
    """`follow` has the follow-ups of each event. Raises OWS01 for an event that somebody else has ended."""
    acks = [{"id": event_id, "follow": items} for event_id, items in follow.items()]
    rows = await conn.fetch(ACKNOWLEDGE, msgspec.json.encode(acks).decode())
    return msgspec.json.decode(rows[0][0], type=Acknowledged)


async def delay(conn: Fetching, event_id: int, error: str, most: int, *, counted: bool) -> Delayed | None:
    """One more try has failed, or if it was counted before says why; None: it is not open any more."""
    rows = await conn.fetch(DELAY, event_id, error, most, counted)
    return None if rows[0][0] is None else msgspec.json.decode(rows[0][0], type=Delayed)


async def until_next(conn: Fetching, whose: Whose) -> float | None:
    """Seconds until an event is due; None if none waits."""
    rows = await conn.fetch(NEXT, whose.consumer, whose.tasks, whose.events)
    return rows[0][0] if rows[0][0] is None else float(rows[0][0])


async def draw_ids(conn: Fetching, many: int) -> list[int]:
    rows = await conn.fetch(DRAW, many)
    return list(rows[0][0])


async def still_there(conn: Fetching, event_ids: list[int]) -> set[int]:
    """Which of these events wait, or are dead letters."""
    rows = await conn.fetch(STANDING, event_ids)
    return set(rows[0][0])
