"""The scheduler's calls: what is due, what it makes of it, and the answers. The database's clock counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec import Raw, Struct

from app.commands.members import Member
from app.database.calls import call
from app.database.pool import Connection

T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


class Unplanned(Struct, frozen=True):
    """A schedule whose next fire nobody has computed since it was changed. `definition` is what counts."""

    id: int
    name: str
    revision: int
    definition: Raw
    fired_until: datetime


class Due(Unplanned, frozen=True):
    """One whose time has come."""

    next_fire_at: datetime


class Startable(Struct, frozen=True):
    """A run that waited and may start now; `args` are those that somebody set for it alone, or null.

    No `Raw | None`: msgspec takes nothing but null for it.
    """

    run_id: int
    schedule_id: int
    name: str
    definition: Raw
    planned_at: datetime
    trigger: str
    args: Raw


class Look(Struct, frozen=True):
    """What there is to do; `next` is the seconds until a schedule wakes the scheduler, None if none will."""

    now: datetime
    unplanned: list[Unplanned]
    due: list[Due]
    startable: list[Startable]
    next: float | None


class Planned(Struct, frozen=True):
    """When a schedule fires next; never, or why nobody can tell."""

    jobs: ClassVar[int] = 0

    id: int
    revision: int
    next_fire_at: datetime | None = None
    next_wake_at: datetime | None = None
    error: str | None = None


class NewRun(Struct, frozen=True):
    """A planned time with its jobs; `skipped` ones have none. `missed` are earlier times it stands for."""

    planned_at: datetime
    trigger: str
    missed: int
    skipped: bool
    members: list[Member]


class Fired(Struct, frozen=True):
    """A schedule moves from the mark `fired_until` to `until`, with what fires on the way."""

    id: int
    revision: int
    fired_until: datetime
    until: datetime
    next_fire_at: datetime | None
    next_wake_at: datetime | None
    runs: list[NewRun]

    @property
    def jobs(self) -> int:
        return sum(len(run.members) for run in self.runs)


class Start(Struct, frozen=True):
    """A run that waited gets its jobs."""

    run_id: int
    members: list[Member]

    @property
    def jobs(self) -> int:
        return len(self.members)


class Run(Struct, frozen=True):
    """What became of a run: how many jobs it has now."""

    run_id: int
    schedule_id: int
    state: str
    jobs: int


class Answer(Struct, frozen=True):
    """`stale` are the ids that somebody else was faster with; `wake` is signalled after the commit."""

    runs: list[Run] = []
    stale: list[int] = []
    wake: list[str] = []


class Closed(Struct, frozen=True):
    run_id: int
    schedule: str
    outcome: str


class _Closed(Struct, frozen=True):
    closed: list[Closed]


async def look(conn: Connection, now: datetime | None, most: int) -> Look:
    """At most so many of each kind. None is the database's own time."""
    return await _call(conn, "select server_api.due_schedules(%s, %s)::text", now, most, to=Look)


async def plan(conn: Connection, plans: Sequence[Planned]) -> Answer:
    return await _call(conn, "select server_api.plan_schedules(%s)::text", _text(plans), to=Answer)


async def fire(conn: Connection, now: datetime | None, fires: Sequence[Fired]) -> Answer:
    """Each planned time fires once, whoever tries: an item whose schedule has moved is stale."""
    return await _call(conn, "select server_api.fire_schedules(%s, %s)::text", _text(fires), now, to=Answer)


async def start(conn: Connection, starts: Sequence[Start]) -> Answer:
    return await _call(conn, "select server_api.start_runs(%s)::text", _text(starts), to=Answer)


async def close(conn: Connection) -> list[Closed]:
    """Counts the runs whose last job has ended."""
    return (await _call(conn, "select server_api.close_runs()::text", to=_Closed)).closed


def _text(items: Iterable[Struct]) -> str:
    return _encode(items).decode()


async def _call(conn: Connection, query: str, *params: Any, to: type[T]) -> T:
    """The text is decoded here: numbers in arguments keep every digit."""
    return msgspec.json.decode(await call(conn, query, *params), type=to)
