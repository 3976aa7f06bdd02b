"""What /metrics asks the database: one statement, whose cost has a bound."""

from __future__ import annotations

import msgspec

from app.database.calls import call
from app.database.pool import Connection


class QueueDepth(msgspec.Struct, frozen=True):
    """Counts go up to a limit (sql/server_api/metrics.sql); `oldest_ready` is seconds."""

    queue: str
    ready: int
    scheduled: int
    waiting: int
    running: int
    oldest_ready: float
    paused: bool


class AlertState(msgspec.Struct, frozen=True):
    name: str
    severity: str
    active: bool
    value: float


class Backlog(msgspec.Struct, frozen=True):
    """What a consumer of ends has still to do, counted up to 10,000; `oldest` is seconds."""

    consumer: str
    waiting: int
    delayed: int
    dead: int
    oldest: float


class Workers(msgspec.Struct, frozen=True):
    """Open sessions: within their lease, and past it."""

    live: int
    late: int


class Measured(msgspec.Struct, frozen=True):
    """`ended` is by rule. `enqueued`, `late_results`, `row_updates`, `repeated` and `ended` only grow."""

    queues: list[QueueDepth]
    queues_known: int
    alerts: list[AlertState]
    workers: Workers
    outbox: list[Backlog]
    enqueued: int
    late_results: int
    row_updates: int
    repeated: int
    ended: dict[str, int]


_decode = msgspec.json.Decoder(Measured).decode


async def measure(conn: Connection) -> Measured:
    return _decode(await call(conn, "select server_api.metrics()::text"))
