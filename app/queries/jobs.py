"""Jobs as the API shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from psycopg import sql
from psycopg.rows import class_row

from app.database.pool import Connection

FINAL = frozenset({"succeeded", "failed", "cancelled", "aborted"})
Status = Literal["scheduled", "waiting", "ready", "running", "succeeded", "failed", "cancelled", "aborted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job. Times are UTC, durations seconds. `reason` says why a failed job failed.

    `progress` is what its last run told last.
    """

    id: int
    status: Status
    task: str
    queue: str
    priority: int
    lock: str | None
    queueing_lock: str | None
    key: str | None
    args: Any
    attempts: int
    max_attempts: int | None
    timeout: float | None
    run_at: datetime | None
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    abort_requested: bool
    reason: str | None
    error: str | None
    crashes: int | None
    worker: str | None
    cause: Any
    parent_id: int | None
    progress: Any

    @property
    def final(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job stands or ended, and no more: what is read again and again for a request that waits."""

    id: int
    status: Status
    task: str
    queue: str
    attempts: int
    abort_requested: bool
    started_at: datetime | None
    finished_at: datetime | None
    reason: str | None
    result: Any
    error: str | None

    @property
    def final(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """None is no limit. The patterns are LIKE patterns: what the caller may see at all."""

    status: str | None = None
    queue: str | None = None
    task: str | None = None
    key: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    before_id: int | None = None
    queue_patterns: list[str] | None = None
    task_patterns: list[str] | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What changes when a job's state does; enough to know whom to wake."""

    id: int
    status: str
    attempts: int
    abort_requested: bool


_CONDITIONS: dict[str, LiteralString] = {
    "status": "status = %(status)s",
    "queue": "queue = %(queue)s",
    "task": "task = %(task)s",
    "key": "key = %(key)s",
    "created_after": "created_at > %(created_after)s",
    "created_before": "created_at < %(created_before)s",
    "before_id": "id < %(before_id)s",
    "queue_patterns": "queue like any (%(queue_patterns)s)",
    "task_patterns": "task like any (%(task_patterns)s)",
}
_COLUMNS = sql.SQL(", ").join(sql.Identifier(name) for name in Job.__dataclass_fields__)
_ONE = sql.SQL("select {} from server_api.job where id = %s").format(_COLUMNS)
_OUTCOME = sql.SQL("select {} from server_api.job where id = %s").format(
    sql.SQL(", ").join(sql.Identifier(name) for name in Outcome.__dataclass_fields__)
)


async def get_job(conn: Connection, *, job_id: int) -> Job | None:
    async with conn.cursor(row_factory=class_row(Job)) as cursor:
        return await (await cursor.execute(_ONE, (job_id,))).fetchone()


async def get_outcome(conn: Connection, *, job_id: int) -> Outcome | None:
    async with conn.cursor(row_factory=class_row(Outcome)) as cursor:
        return await (await cursor.execute(_OUTCOME, (job_id,))).fetchone()


async def list_jobs(conn: Connection, *, where: JobFilter, limit: int) -> list[Job]:
    """The newest first."""
    given = {name: getattr(where, name) for name in _CONDITIONS if getattr(where, name) is not None}
    conditions = [sql.SQL(_CONDITIONS[name]) for name in given]
    statement = sql.SQL("select {} from server_api.job where {} order by id desc limit %(limit)s").format(
        _COLUMNS, sql.SQL(" and ").join(conditions) if conditions else sql.SQL("true")
    )
    async with conn.cursor(row_factory=class_row(Job)) as cursor:
        return await (await cursor.execute(statement, {**given, "limit": limit})).fetchall()


async def get_states(conn: Connection, *, job_ids: Sequence[int]) -> list[State]:
    statement = "select id, status, attempts, abort_requested from server_api.job where id = any (%s)"
    async with conn.cursor(row_factory=class_row(State)) as cursor:
        return await (await cursor.execute(statement, (list(job_ids),))).fetchall()


async def is_gone(conn: Connection, *, job_id: int) -> bool:
    """Whether the id was given out once and no job has it any more."""
    row = await (await conn.execute("select server_api.is_gone(%s)", (job_id,))).fetchone()
    return bool(row and row[0])
