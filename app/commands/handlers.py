"""Publishing a set of result handlers: from then on ends are kept for it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.database.calls import call
from app.database.pool import Connection

STATEMENT = "select server_api.publish_handlers(%s, %s, %s)::text"


class HandledPair(msgspec.Struct, frozen=True):
    """A task and an event, `*` for any; by what its ends are ordered; the handlers' names, for people."""

    task: str
    event: str
    ordered_by: str
    handlers: list[str]


class PublishedHandlers(msgspec.Struct, frozen=True):
    """How many pairs; `parked` counts waiting events that became dead letters as their pair went."""

    added: int
    removed: int
    changed: int
    unchanged: int
    parked: int


async def publish_handlers(
    conn: Connection, *, consumer: str, pairs: Sequence[HandledPair], actor: str
) -> PublishedHandlers:
    """They are all that this consumer subscribes to. Raises OWV01 for a reserved name."""
    answer = await call(conn, STATEMENT, consumer, msgspec.json.encode(pairs).decode(), actor)
    return msgspec.json.decode(answer, type=PublishedHandlers)
