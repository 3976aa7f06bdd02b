"""The shape in which jobs travel to server_api.enqueue_many and enqueue_batch."""

from datetime import datetime
from typing import Any

from msgspec import Raw, Struct


class Cause(Struct, frozen=True, omit_defaults=True):
    """Why the jobs of a batch exist."""

    kind: str
    actor: str | None = None
    request_id: str | None = None
    ref: str | None = None
    reason: str | None = None


class Idempotency(Struct, frozen=True):
    """`answer` is what a replay gets back, beside the ids; `hash` tells whether the request is the same."""

    api_key: int | None
    key: str
    hash: str
    answer: dict[str, Any]


class JobIn(Struct, frozen=True, omit_defaults=True):
    """One job, the task's defaults filled in. `args` is the JSON text as it came. Durations in seconds.

    `actor` and `request_id` are the cause of a job that comes by itself; a batch has one Cause for all.
    `id` was drawn before, for a job that others name before it is made.
    """

    task: str
    queue: str
    args: Raw
    priority: int = 0
    lock: str | None = None
    queueing_lock: str | None = None
    key: str | None = None
    run_at: datetime | None = None
    delay: float | None = None
    expires_at: datetime | None = None
    timeout: float | None = None
    max_attempts: int | None = None
    actor: str | None = None
    request_id: str | None = None
    idempotency: Idempotency | None = None
    id: int | None = None


class Replay(Struct, frozen=True):
    """What an earlier request with the same Idempotency-Key got; `ids` are of jobs that it made."""

    hash: str
    answer: dict[str, Any]
    ids: list[int] = []
