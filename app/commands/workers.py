"""Changes of the registry of workers. Each is one call of the SQL function that decides."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from psycopg.types.json import Jsonb

from app.database.calls import call
from app.database.pool import Connection
from app.database.storing import storing
from app.errors import HeartbeatFailed

_REGISTER = "select server_api.register_worker(%s, %s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Checked:
    """One run of a scheduled transition: the names it moved, and the seconds until it may move another."""

    moved: list[str]
    next: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a worker is; `host`/`name` together are its name, `login` is the only one that may open it."""

    host: str
    name: str
    region: str | None = None
    capacity: int | None = None
    queues: list[str] | None = None
    versions: dict[str, str] = field(default_factory=dict)
    login: str | None = None


async def register(conn: Connection, new: Description, *, actor: str) -> int:
    """The id of a new worker, pending and without jobs. Audited. Raises OWW01, OWK02, StorageFailed."""
    given = (new.host, new.name, new.region, new.capacity, new.queues, Jsonb(new.versions), new.login, actor)
    with storing("register the worker"):
        return int(await call(conn, _REGISTER, *given))


async def heartbeat(conn: Connection, *, worker_id: int) -> None:
    """A sign of life; it changes no status. Raises OWN04, HeartbeatFailed."""
    with storing("record the heartbeat", HeartbeatFailed):
        await call(conn, "select server_api.heartbeat_worker(%s)", worker_id)


async def set_status(
    conn: Connection, *, worker_id: int, status: str, actor: str, reason: str | None
) -> None:
    """By hand, and only where the state machine leads there. Audited. Raises OWN04, OWW02, StorageFailed."""
    with storing("change the worker's status"):
        await call(
            conn, "select server_api.set_worker_status(%s, %s, %s, %s)", worker_id, status, actor, reason
        )


async def drain(conn: Connection, *, worker_id: int, actor: str, reason: str | None) -> None:
    """No more jobs; what it has it finishes. Audited. Raises OWN04, StorageFailed."""
    with storing("drain the worker"):
        await call(conn, "select server_api.drain_worker(%s, %s, %s)", worker_id, actor, reason)


async def resume(conn: Connection, *, worker_id: int, actor: str, reason: str | None) -> None:
    """Jobs again, at once. Audited. Raises OWN04, StorageFailed."""
    with storing("resume the worker"):
        await call(conn, "select server_api.resume_worker(%s, %s, %s)", worker_id, actor, reason)


async def remove(conn: Connection, *, worker_id: int, actor: str, reason: str | None) -> None:
    """With its history. Audited. Raises OWN04, OWW03 while it has a live session, StorageFailed."""
    with storing("remove the worker"):
        await call(conn, "select server_api.remove_worker(%s, %s, %s)", worker_id, actor, reason)


async def activate_pending(conn: Connection, *, actor: str, worker_id: int | None = None) -> Checked:
    """pending -> active where a heartbeat was heard; of one worker, or of all."""
    return await _check(conn, "select server_api.activate_workers(%s, %s)", actor, worker_id)


async def retire_stale(
    conn: Connection, *, actor: str, after: timedelta, worker_id: int | None = None
) -> Checked:
    """active -> offline after this long without a heartbeat and without a lease."""
    return await _check(conn, "select server_api.retire_workers(%s, %s, %s)", actor, after, worker_id)


async def reactivate_offline(conn: Connection, *, actor: str, worker_id: int | None = None) -> Checked:
    """offline -> active where heartbeats came since."""
    return await _check(conn, "select server_api.reactivate_workers(%s, %s)", actor, worker_id)


async def _check(conn: Connection, query: str, *params: Any) -> Checked:
    answer = await call(conn, query, *params)
    return Checked(answer["moved"], answer["next"])
