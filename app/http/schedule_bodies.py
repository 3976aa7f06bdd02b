"""The bodies and queries of /v1/schedules, as types; the OpenAPI document is made from them."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from app.http.bodies import Instant, Reason
from app.queries.schedules import Member, Origin, Run, RunOutcome, RunState, State, Trigger
from app.schedules import Definition

Cursor = Annotated[str, Meta(max_length=200)]
PageSize = Annotated[int, Meta(ge=1, le=500)]
ScheduleName = Annotated[str, Meta(min_length=1, max_length=128, pattern="^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
OverridingArgs = Annotated[
    Raw, Meta(description="over the schedule's own", extra_json_schema={"type": "object"})
]


class NewSchedule(Definition, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A definition and the name that nothing has yet."""

    name: ScheduleName


def _patchable(field: msgspec.structs.FieldInfo) -> tuple[str, Any, None]:
    """What an object becomes by a patch is looked at afterwards."""
    kind = dict[str, Any] if field.name in ("target", "args") else field.type
    return field.name, kind | None, None


SchedulePatch = msgspec.defstruct(
    "SchedulePatch",
    [_patchable(field) for field in msgspec.structs.fields(Definition)],
    namespace={
        "__doc__": "A merge patch (RFC 7396) of the definition: null is the default, or what the code says."
    },
    forbid_unknown_fields=True,
)


class ListSchedules(Struct, forbid_unknown_fields=True):
    """The query of GET /v1/schedules."""

    origin: Origin | None = None
    limit: PageSize = 50
    cursor: Cursor | None = None


class Shown(Struct):
    """A schedule. `definition` is what counts; of a published one `published` is what the code says.

    `next_fire_at` is null while it is not to fire; `last_*` tell of the newest run that started.
    """

    name: str
    origin: Origin
    source: str | None
    state: State
    words: str | None
    definition: Any
    published: Any
    revision: int
    next_fire_at: datetime | None
    last_fire_at: datetime | None
    last_run_id: int | None
    last_outcome: RunOutcome | None
    last_error: str | None
    open_run_ids: list[int]
    problem: str | None
    paused_at: datetime | None
    paused_by: str | None
    paused_reason: str | None
    vanished_at: datetime | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


class SchedulePage(Struct):
    """Schedules, in the order in which they were made."""

    items: list[Shown]
    next_cursor: str | None


class Range(Struct, forbid_unknown_fields=True):
    """The query of a preview: planned times from `from` (now) on, before `to` (ten years later)."""

    start: Instant | None = msgspec.field(name="from", default=None)
    end: Instant | None = msgspec.field(name="to", default=None)
    limit: Annotated[int, Meta(ge=1, le=1000)] = 10


class PreviewedFire(Struct):
    """`local` has the zone's offset; `dst`: it stands on a time that the clocks skip, or have twice."""

    planned_at: datetime
    local: datetime
    dst: Literal["shifted", "first", "second"] | None


class Preview(Struct):
    """Planned times, before their jitter, whether or not the schedule is active."""

    words: str
    timezone: str
    fires: list[PreviewedFire]


def _not_given() -> Raw:
    return Raw(b"")


class RunNow(Struct, forbid_unknown_fields=True):
    """The body of run-now; `force` starts it beside an open run."""

    reason: Reason
    args: OverridingArgs = msgspec.field(default_factory=_not_given)
    force: bool = False


class RunAccepted(Struct):
    """`note`: why it waits, or that the schedule itself does not fire."""

    run_id: int
    paused: bool
    note: str | None


class NewBackfill(Struct, forbid_unknown_fields=True):
    """A run for each planned time from `from` on, before `to`; `concurrency` of them are open at once."""

    start: Instant = msgspec.field(name="from")
    end: Instant = msgspec.field(name="to")
    reason: Reason
    concurrency: Annotated[int, Meta(ge=1, le=100)] = 1


class BackfillAccepted(Struct):
    """`runs` counts them."""

    backfill_id: int
    runs: int


class ListRuns(Struct, forbid_unknown_fields=True):
    """The query of GET /v1/schedules/{name}/runs."""

    state: RunState | None = None
    trigger: Trigger | None = None
    limit: PageSize = 50
    cursor: Cursor | None = None


class RunPage(Struct):
    """Runs, the newest first."""

    items: list[Run]
    next_cursor: str | None


class RunDetail(Struct):
    """A run and its members: each its job and how that ended, or why it got none."""

    run: Run
    members: list[Member]
