"""The registry of workers, with what each holds now and what was heard of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString, TypeVar

from psycopg.rows import class_row

from app.database.pool import Connection

Status = Literal["pending", "active", "offline"]
STATUSES: tuple[Status, ...] = ("pending", "active", "offline")
# Changes of status that are shown; more are kept.
SHOWN = 50
MOST_JOBS = 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """`name` is host/name. `sessions` are live ones, `running` the jobs that they hold. Times are UTC."""

    id: int
    name: str
    host: str
    region: str | None
    capacity: int | None
    queues: list[str] | None
    versions: Any
    login: str | None
    status: Status
    draining_since: datetime | None
    registered_at: datetime
    changed_at: datetime
    last_heartbeat_at: datetime | None
    sessions: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSession:
    """One open of the worker. `lease` is seconds; a session that was lost or closed stays a day."""

    id: int
    queues: list[str] | None
    lease: int
    draining: bool
    opened_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    lost_at: datetime | None
    closed_at: datetime | None
    info: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """`session` None: it came over HTTP; else it was sampled from that session."""

    at: datetime
    session: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    at: datetime
    from_status: Status
    to_status: Status
    actor: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """A job that the worker holds; `started_at` None: it waits there for a slot."""

    id: int
    session: int
    task: str
    queue: str
    attempt: int
    started_at: datetime | None
    abort_requested: bool


_WORKERS: LiteralString = """
    select id, name, host, region, capacity, queues, versions, login, status, draining_since, registered_at,
           changed_at, last_heartbeat_at, sessions, running
      from server_api.worker where """
_LISTED: LiteralString = """(%(status)s::text is null or status = %(status)s) and id > %(after)s
     order by id limit %(limit)s"""
_SESSIONS = """
    select id, queues, lease, draining, opened_at, last_seen_at, expires_at, lost_at, closed_at, info
      from server_api.session where worker_id = %s order by id desc"""
_HEARTBEATS = """
    select at, session from server_api.worker_heartbeat where worker_id = %s order by id desc limit %s"""
_TRANSITIONS = """
    select at, from_status, to_status, actor, reason
      from server_api.worker_transition where worker_id = %s order by id desc limit %s"""
_JOBS = """
    select id, session, task, queue, attempt, started_at, abort_requested
      from server_api.worker_job where worker_id = %s order by started_at nulls last, id limit %s"""


async def list_workers(
    conn: Connection, *, status: Status | None = None, after_id: int = 0, limit: int = 500
) -> list[Worker]:
    """By id, the order of registration."""
    params = {"status": status, "after": after_id, "limit": limit}
    async with conn.cursor(row_factory=class_row(Worker)) as cursor:
        return await (await cursor.execute(_WORKERS + _LISTED, params)).fetchall()


async def get_worker(conn: Connection, *, worker: int | str) -> Worker | None:
    """By id, or by name (host/name)."""
    which: LiteralString = "id = %s" if isinstance(worker, int) else "name = %s"
    async with conn.cursor(row_factory=class_row(Worker)) as cursor:
        return await (await cursor.execute(_WORKERS + which, (worker,))).fetchone()


async def list_sessions(conn: Connection, *, worker_id: int) -> list[WorkerSession]:
    """The newest first."""
    return await _rows(conn, WorkerSession, _SESSIONS, (worker_id,))


async def list_heartbeats(conn: Connection, *, worker_id: int, limit: int) -> list[Heartbeat]:
    """The newest first; at most 100 are kept."""
    return await _rows(conn, Heartbeat, _HEARTBEATS, (worker_id, limit))


async def list_transitions(conn: Connection, *, worker_id: int, limit: int = SHOWN) -> list[Transition]:
    """The newest first."""
    return await _rows(conn, Transition, _TRANSITIONS, (worker_id, limit))


async def list_running(conn: Connection, *, worker_id: int) -> list[WorkerJob]:
    """What it has had longest first, at most MOST_JOBS."""
    return await _rows(conn, WorkerJob, _JOBS, (worker_id, MOST_JOBS))


async def _rows(conn: Connection, shape: type[T], statement: LiteralString, params: Sequence[Any]) -> list[T]:
    async with conn.cursor(row_factory=class_row(shape)) as cursor:
        return await (await cursor.execute(statement, params)).fetchall()
