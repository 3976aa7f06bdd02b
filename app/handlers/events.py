"""What a handler is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The job that has ended, as it was enqueued."""

    id: int
    task: str
    queue: str
    args: dict[str, Any]
    created_at: datetime
    key: str | None = None
    lock: str | None = None
    priority: int = 0
    parent_id: int | None = None
    run_id: int | None = None


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job exists; `kind` is http, schedule, parent, operator or sql."""

    kind: str
    actor: str | None = None
    request_id: str | None = None
    ref: str | None = None
    reason: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An end of a job. `deliveries` counts the tries before this one.

    `event` is succeeded, failed, cancelled or aborted; `attempt` is the run that ended. `cause` is why the
    job existed.
    """

    id: int
    event: str
    at: datetime
    job: Job
    deliveries: int = 0
    attempt: int | None = None
    result: Any = None
    error: str | None = None
    reason: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cause: Cause | None = None

    @property
    def args(self) -> dict[str, Any]:
        return self.job.args


_decoder = msgspec.json.Decoder(list[Event])


def decode_events(text: str) -> list[Event]:
    """Shape: what server_api.take_events answers."""
    return _decoder.decode(text)
