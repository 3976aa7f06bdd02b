"""Schedules, the ledger of their runs, and the runs' members."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from app.database.pool import Connection
from app.queries.selecting import select

Origin = Literal["api", "code"]
Trigger = Literal["cron", "catch-up", "manual", "backfill"]
RunState = Literal["pending", "running", "finished", "skipped"]
State = Literal["active", "paused", "disabled", "vanished", "broken"]
RunOutcome = Literal["succeeded", "failed", "partial"]
MemberStatus = Literal["succeeded", "failed", "cancelled", "aborted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`effective` is what counts: the definition with the changes over it. Times are UTC.

    `last_*` tell of the newest run that started; `plan_error` why no next fire can be computed.
    """

    id: int
    name: str
    origin: Origin
    source: str | None
    effective: Any
    definition: Any
    changes: Any
    revision: int
    enabled: bool
    paused_at: datetime | None
    paused_by: str | None
    paused_reason: str | None
    vanished_at: datetime | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    next_fire_at: datetime | None
    fired_until: datetime
    plan_error: str | None
    last_run_id: int | None
    last_fire_at: datetime | None
    last_outcome: RunOutcome | None
    last_error: str | None
    open_run_ids: list[int]

    @property
    def state(self) -> State:
        """Why it does not fire, or that it does; as inspect.schedules has it."""
        if self.vanished_at is not None:
            return "vanished"
        if self.paused_at is not None:
            return "paused"
        if not self.enabled:
            return "disabled"
        return "active" if self.plan_error is None else "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A fire, or one that was passed over. `duration` is seconds; counts are of members.

    `missed`: how many earlier planned times it stands for; `args`: what a manual run overrides.
    """

    id: int
    schedule_id: int | None
    schedule: str
    trigger: Trigger
    state: RunState
    planned_at: datetime
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration: float | None
    actor: str | None
    reason: str | None
    request_id: str | None
    args: Any
    force: bool
    missed: int
    backfill_id: int | None
    note: str | None
    members: int | None
    succeeded: int | None
    failed: int | None
    open: int | None
    outcome: RunOutcome | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A job of a run, or why there is none: `error` is {"error", "message"}. `status`: how it ended."""

    n: int
    task: str
    job_id: int | None
    error: Any
    status: MemberStatus | None
    ended_at: datetime | None


_LISTED: LiteralString = """(%(origin)s::text is null or origin = %(origin)s) and id > %(after)s
     order by id limit %(limit)s"""
_RUN: LiteralString = "schedule_id = %(schedule_id)s and id = %(run_id)s"
_RUNS: LiteralString = """schedule_id = %(schedule_id)s
       and (%(state)s::text is null or state = %(state)s)
       and (%(trigger)s::text is null or trigger = %(trigger)s)
       and (%(before)s::bigint is null or id < %(before)s)
     order by id desc limit %(limit)s"""


async def list_schedules(
    conn: Connection, *, origin: Origin | None = None, after_id: int = 0, limit: int = 500
) -> list[Schedule]:
    """By id, the order in which they were made."""
    return await select(
        conn, Schedule, "schedule", _LISTED, {"origin": origin, "after": after_id, "limit": limit}
    )


async def get_schedule(conn: Connection, *, name: str) -> Schedule | None:
    found = await select(conn, Schedule, "schedule", "name = %(name)s", {"name": name})
    return found[0] if found else None


async def list_runs(
    conn: Connection,
    *,
    schedule_id: int,
    state: RunState | None = None,
    trigger: Trigger | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[Run]:
    """The newest first."""
    params = {
        "schedule_id": schedule_id,
        "state": state,
        "trigger": trigger,
        "before": before_id,
        "limit": limit,
    }
    return await select(conn, Run, "schedule_run", _RUNS, params)


async def get_run(conn: Connection, *, schedule_id: int, run_id: int) -> Run | None:
    found = await select(conn, Run, "schedule_run", _RUN, {"schedule_id": schedule_id, "run_id": run_id})
    return found[0] if found else None


async def list_members(conn: Connection, *, run_id: int) -> list[Member]:
    """In the order of the target."""
    return await select(conn, Member, "schedule_member", "run_id = %(run_id)s order by n", {"run_id": run_id})
