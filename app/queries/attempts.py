"""Facts about one job: its attempts and its events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from app.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run that ended. `attempt` counts from 1; status is succeeded, failed, aborted, retried or lost."""

    attempt: int
    status: str
    reason: str | None
    worker: str | None
    started_at: datetime | None
    finished_at: datetime | None
    result: Any
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of state; `id` is stable and resumes a stream."""

    id: str
    type: str
    at: datetime
    attempt: int | None
    detail: Any


_ATTEMPTS = """
    select attempt, status, reason, worker, started_at, finished_at, result, error
      from server_api.attempt where job_id = %s order by claim_no"""
# 'created' has id 0; at one instant an attempt's start ("5s") sorts after its end ("5f"), hence the last key.
_EVENTS = """
    select id, type, at, attempt, detail
      from server_api.event where job_id = %s order by at, id <> '0', type <> 'started', id"""


async def list_attempts(conn: Connection, *, job_id: int) -> list[Attempt]:
    async with conn.cursor(row_factory=class_row(Attempt)) as cursor:
        return await (await cursor.execute(_ATTEMPTS, (job_id,))).fetchall()


async def list_events(conn: Connection, *, job_id: int) -> list[Event]:
    """In the order in which they happened."""
    async with conn.cursor(row_factory=class_row(Event)) as cursor:
        return await (await cursor.execute(_EVENTS, (job_id,))).fetchall()
