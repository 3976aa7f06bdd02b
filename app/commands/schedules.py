"""Changes of schedules, and runs that are asked for. Each is one call of the SQL function that decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from msgspec import Raw, Struct

from app.commands.jobs_in import Idempotency, Replay
from app.database.calls import call_object
from app.database.pool import Connection
from app.database.sqlstates import translate

# What put_schedule and remove_schedule take as `expected` for a name that nothing has.
ABSENT = 0


@dataclass(frozen=True, slots=True)
class Put:
    """What became of a put_schedule."""

    created: bool
    revision: int


class RunRequest(Struct, frozen=True, kw_only=True):
    """`args` override the schedule's own; `force` starts it beside an open run."""

    actor: str
    reason: str
    args: Raw | None = None
    force: bool = False
    request_id: str | None = None
    idempotency: Idempotency | None = None


class BackfillRequest(Struct, frozen=True, kw_only=True):
    """`times` are the planned ones from `start` to `end`; `concurrency` of the runs are open at once."""

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    times: Sequence[datetime]
    actor: str
    reason: str
    concurrency: int = 1
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Requested:
    """`note` says in words why the run waits, or that its schedule is paused."""

    run_id: int
    paused: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Backfilled:
    """`runs` counts them."""

    backfill_id: int
    runs: int


async def put_schedule(
    conn: Connection,
    *,
    name: str,
    definition: bytes,
    actor: str,
    expected: int | None = None,
    reason: str | None = None,
    request_id: str | None = None,
) -> Put:
    """`definition` is the whole of what shall count. Audited.

    Raises ScheduleExists, RevisionConflict, Invalid.

    `expected`: None takes whatever is there, ABSENT must be a new name, else it must have this revision.
    """
    try:
        answer = await call_object(
            conn,
            "select server_api.put_schedule(%s, %s, %s, %s, %s, %s)",
            *(name, definition.decode(), expected, actor, reason, request_id),
        )
    except psycopg.Error as exc:
        raise translate(exc) from exc
    return Put(answer["created"], answer["revision"])


async def remove_schedule(
    conn: Connection,
    *,
    name: str,
    actor: str,
    expected: int | None = None,
    reason: str | None = None,
    request_id: str | None = None,
) -> None:
    """Its runs stay in the ledger, its open jobs go on. Audited. Raises OWN05, OWS01, OWS02."""
    await call_object(
        conn,
        "select server_api.remove_schedule(%s, %s, %s, %s, %s)",
        *(name, expected, actor, reason, request_id),
    )


async def pause_schedule(
    conn: Connection, *, name: str, actor: str, reason: str | None = None, request_id: str | None = None
) -> None:
    """It does not fire until it is resumed. Audited. Raises OWN05."""
    await call_object(
        conn, "select server_api.pause_schedule(%s, %s, %s, %s)", *(name, actor, reason, request_id)
    )


async def resume_schedule(
    conn: Connection, *, name: str, actor: str, reason: str | None = None, request_id: str | None = None
) -> None:
    """What was due in the pause is not made up for. Audited. Raises OWN05."""
    await call_object(
        conn, "select server_api.resume_schedule(%s, %s, %s, %s)", *(name, actor, reason, request_id)
    )


async def request_run(conn: Connection, *, name: str, request: RunRequest) -> Requested | Replay:
    """A run now, also of a paused schedule. Audited. Raises OWN05, OWS01, OWV01."""
    answer = await call_object(conn, "select server_api.request_run(%s, %s)", name, _text(request))
    return msgspec.convert(answer["replay"], Replay) if "replay" in answer else requested(answer)


def requested(answer: dict[str, Any]) -> Requested:
    """From what the database said, now or when the same request came first."""
    return msgspec.convert(answer, Requested)


async def request_backfill(conn: Connection, *, name: str, request: BackfillRequest) -> Backfilled:
    """A run for each of the planned times, the oldest first. Audited. Raises OWN05, OWV01."""
    answer = await call_object(conn, "select server_api.request_backfill(%s, %s)", name, _text(request))
    return msgspec.convert(answer, Backfilled)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
