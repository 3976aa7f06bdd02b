"""The request bodies and query parameters, as types; the OpenAPI document is made from them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta, Raw, Struct

from app.queries.attempts import Attempt
from app.queries.history import HistoryEvent
from app.queries.jobs import Job, Outcome, Status
from app.queries.notes import Kind
from app.queries.secrets import Secret
from app.queries.tasks import Task
from app.queries.workers import Heartbeat, Transition, Worker, WorkerJob, WorkerSession
from app.queries.workers import Status as WorkerStatus

MONTH = 31 * 86_400
NAME = 128
FRAME = "(state|progress|log|chunk)"
POSITION = "^[0-9]{1,9}-[0-9]{1,9}$"

Name = Annotated[str, Meta(min_length=1, max_length=NAME)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset")]
Seconds = Annotated[float, Meta(gt=0, le=MONTH)]
Reason = Annotated[str, Meta(min_length=1, max_length=1000)]
Args = Annotated[
    Raw,
    Meta(description="at most 64 KiB, 32 levels deep", extra_json_schema={"type": "object", "default": {}}),
]


def _no_args() -> Raw:
    return Raw(b"{}")


class NewJob(Struct, forbid_unknown_fields=True):
    """A job to enqueue. What is not given comes from the task."""

    task: Name
    args: Args = msgspec.field(default_factory=_no_args)
    queue: Name | None = None
    priority: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    lock: Name | None = None
    queueing_lock: Name | None = None
    key: Name | None = None
    run_at: Instant | None = None
    delay: (
        Annotated[float, Meta(ge=0, le=10 * 366 * 86_400, description="seconds; not beside run_at")] | None
    ) = None
    expires_at: Instant | None = None
    timeout: Annotated[float, Meta(gt=0, le=MONTH, description="seconds")] | None = None
    max_attempts: Annotated[int, Meta(ge=1, le=32_767, description="runs; at most the task's")] | None = None


class NewBatch(Struct, forbid_unknown_fields=True):
    """Up to 10,000 jobs, all or nothing."""

    jobs: Annotated[list[NewJob], Meta(min_length=1, max_length=10_000)]


class Why(Struct, forbid_unknown_fields=True):
    """The body of cancel and retry; may be left out."""

    reason: Reason | None = None


class MandatoryWhy(Struct, forbid_unknown_fields=True):
    """The body of run-now."""

    reason: Reason


class WhyQuery(Struct, forbid_unknown_fields=True):
    """The query of DELETE /v1/jobs/{id}."""

    reason: Reason | None = None


class ListJobs(Struct, forbid_unknown_fields=True):
    """The query of GET /v1/jobs."""

    status: Status | None = None
    queue: Name | None = None
    task: Name | None = None
    key: Name | None = None
    created_after: Instant | None = None
    created_before: Instant | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Annotated[str, Meta(max_length=200)] | None = None


class Wait(Struct, forbid_unknown_fields=True):
    """The query of GET …/result."""

    wait: Annotated[float, Meta(ge=0, description="seconds; more than 60 is 60")] = 0.0


class Enqueued(Struct):
    """The answer to POST /v1/jobs."""

    id: int
    status: Literal["ready", "scheduled"]
    task: str
    queue: str


class EnqueuedBatch(Struct):
    """The ids, in the order of the request."""

    ids: list[int]


class JobStatus(Struct):
    """Where a job stands."""

    id: int
    status: Status
    abort_requested: bool = False


class Result(Struct):
    """How a job ended. `result` is what its last attempt returned."""

    id: int
    status: Status
    attempt: int
    reason: str | None
    error: str | None
    result: Any
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Outcome) -> Self:
        return cls(
            id=job.id,
            status=job.status,
            attempt=job.attempts,
            reason=job.reason,
            error=job.error,
            result=job.result,
            started_at=job.started_at,
            finished_at=job.finished_at,
        )


class JobPage(Struct):
    """Jobs, the newest first."""

    items: list[Job]
    next_cursor: str | None


class Follow(Struct, forbid_unknown_fields=True):
    """The query of GET …/events."""

    kinds: (
        Annotated[
            str,
            Meta(
                pattern=f"^{FRAME}(,{FRAME})*$",
                description="which events, by commas: state, progress, log, chunk; the end always comes",
            ),
        ]
        | None
    ) = None
    last_event_id: (
        Annotated[str, Meta(pattern=POSITION, description="where no header can be sent")] | None
    ) = None
    token: Annotated[str, Meta(max_length=200, description="of …/events-token, instead of a key")] | None = (
        None
    )


class NewEventsToken(Struct, forbid_unknown_fields=True):
    """The body of …/events-token; may be left out."""

    seconds: Annotated[int, Meta(ge=1, le=86_400, description="how long new streams may begin")] = 900


class EventsToken(Struct):
    """Opens the streams of one job without a key, until then."""

    token: str
    expires_at: datetime


class ListNotes(Struct, forbid_unknown_fields=True):
    """The query of GET …/notes."""

    kind: Kind | None = None
    after: Annotated[str, Meta(pattern=POSITION, description="the id of a note")] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class NoteOut(Struct):
    """What a run said: of a log {level, message, …}, of a chunk whatever the task emitted."""

    id: str
    kind: Kind
    at: datetime
    data: Any


class NotePage(Struct):
    """Notes in the order in which they were said; `next` is the `after` of the next page."""

    items: list[NoteOut]
    next: str | None


class ListHistory(Struct, forbid_unknown_fields=True):
    """The query of GET …/history."""

    after: Annotated[str, Meta(pattern="^[0-9a-z]{1,30}$", description="the id of an event")] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class HistoryPage(Struct):
    """What happened to a job, in that order; `next` is the `after` of the next page."""

    items: list[HistoryEvent]
    next: str | None


class Attempts(Struct):
    """The runs of a job that ended, the first first."""

    items: list[Attempt]


class Tasks(Struct):
    """The tasks this key may see."""

    items: list[Task]


class NewWorker(Struct, forbid_unknown_fields=True):
    """A worker to register; `host`/`name` together are its name. It gets no jobs by that."""

    host: Annotated[str, Meta(min_length=1, max_length=126, pattern="^[^/]+$")]
    name: Annotated[str, Meta(min_length=1, max_length=126)]
    region: Name | None = None
    capacity: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    queues: Annotated[list[Name], Meta(min_length=1, max_length=1000)] | None = None
    versions: dict[Name, Annotated[str, Meta(max_length=NAME)]] = {}
    login: (
        Annotated[
            str, Meta(min_length=1, max_length=63, description="the one login that may open it; or the first")
        ]
        | None
    ) = None


class NewStatus(Struct, forbid_unknown_fields=True):
    """The body of PATCH /v1/workers/{worker_id}."""

    status: WorkerStatus
    reason: Reason | None = None


class ListWorkers(Struct, forbid_unknown_fields=True):
    """The query of GET /v1/workers."""

    status: WorkerStatus | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Annotated[str, Meta(max_length=200)] | None = None


class History(Struct, forbid_unknown_fields=True):
    """The query of GET /v1/workers/{worker_id}."""

    history: Annotated[int, Meta(ge=0, le=100, description="heartbeats to show")] = 0


class WorkerPage(Struct):
    """Workers, in the order of their registration."""

    items: list[Worker]
    next_cursor: str | None


class WorkerDetail(Struct):
    """A worker, its sessions of the last day, the jobs that it holds, what was heard of it; newest first."""

    worker: Worker
    sessions: list[WorkerSession]
    running: list[WorkerJob]
    heartbeats: list[Heartbeat]
    transitions: list[Transition]


class NewSecret(Struct, forbid_unknown_fields=True):
    """A secret's value and who gets it; both are always given anew."""

    value: Annotated[str, Meta(min_length=1, max_length=16_384)]
    tasks: Annotated[list[Name], Meta(min_length=1, max_length=100, description="patterns with * and ?")]
    logins: Annotated[list[Name], Meta(min_length=1, max_length=100)] | None = None


class Secrets(Struct):
    """The secrets by name, without their values."""

    items: list[Secret]


class Health(Struct):
    """`checks` names what was looked at."""

    status: str
    checks: dict[str, str] = {}
