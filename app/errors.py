"""Every error onewriter raises on purpose, and the one table that says what each means outside.

OnewriterError
 +- NotFound          JobNotFound, JobGone, RouteNotFound, WorkerNotFound, ScheduleNotFound, RunNotFound,
 |                    WebhookNotFound, FlowNotFound
 +- Conflict          StateConflict, QueueingLockTaken, NameTaken, WorkerExists, WorkerLive, ScheduleExists,
 |                    RevisionConflict, WebhookExists
 +- Invalid           InvalidArguments, UnknownTask, QueueRefusesTask, InvalidCursor, IdempotencyKeyReused,
 |                    BodyTooLarge, InvalidConfiguration, InvalidTransition
 +- Malformed  Unauthenticated  MissingScope  NotAllowed  MethodNotAllowed
 +- BodyTooSlow  BodyEncoded  RateLimited
 +- Unavailable       DatabaseUnavailable, Overloaded, NotReady, Quarantined
 +- Unexpected        StorageFailed, HeartbeatFailed
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One row of the table: what a user of any surface sees, and what to do about it."""

    slug: str
    status: int
    title: str
    cause: str
    remedy: str
    sqlstates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldError:
    """`field` is a path like `args.month` or `jobs[17].args.x`."""

    field: str
    message: str


class OnewriterError(Exception):
    """`detail` is for people, `errors` name fields, `facts` are further members of the answer."""

    problem: ClassVar[Problem]

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        facts: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail or self.problem.title)
        self.detail = detail
        self.errors = tuple(errors)
        self.facts = facts or {}
        self.retry_after = retry_after


class Unexpected(OnewriterError):
    problem = Problem(
        "internal-error", 500, "Something broke on our side",
        "A defect, or a database that refuses what onewriter needs; the log has it under the request id.",
        "Report it with the X-Request-Id. `onewriter doctor` finds a broken installation.",
    )  # fmt: skip


class StorageFailed(Unexpected):
    problem = Problem(
        "storage-failed", 500, "The registry could not be read or written",
        "The database refused what the registry needs; `operation` says what was tried.",
        "Report it with the X-Request-Id; the log has the reason. `onewriter doctor` finds what is broken.",
    )  # fmt: skip


class HeartbeatFailed(Unexpected):
    problem = Problem(
        "heartbeat-failed", 500, "The heartbeat was not recorded",
        "The database refused it; the worker is not known to be alive by it.",
        "Send the next one as usual. If that fails too, report it with the X-Request-Id.",
    )  # fmt: skip


class Malformed(OnewriterError):
    problem = Problem(
        "malformed-json", 400, "The body is not JSON",
        "The request's body could not be read as one JSON text in UTF-8.",
        "Send one JSON object; NaN and trailing commas are not JSON.",
    )  # fmt: skip


class Unauthenticated(OnewriterError):
    problem = Problem(
        "unauthenticated", 401, "A valid API key is needed",
        "No `Authorization: Bearer ow_…` header, or its key is unknown, revoked or expired.",
        "Send a key; `onewriter keys create NAME --scope …` makes one.",
    )  # fmt: skip


class MissingScope(OnewriterError):
    problem = Problem(
        "missing-scope", 403, "The API key lacks a scope",
        "The key is valid but does not have the scope this endpoint asks for.",
        "Use a key with the scope named in `scope`, or have one created.",
    )  # fmt: skip


class NotAllowed(OnewriterError):
    problem = Problem(
        "not-allowed", 403, "This key or login may not do that",
        "The queue or task lies outside the key's patterns, or the database login has no grant for it.",
        "Use a key whose patterns cover it, or have the login granted the queue.",
        ("OWR01",),
    )  # fmt: skip


class NotFound(OnewriterError):
    problem = Problem(
        "not-found", 404, "There is no such thing",
        "The task, queue, key or session does not exist, or this key may not see it.",
        "Check the name; `GET /v1/tasks` lists the tasks this key may see.",
        ("OWN02",),
    )  # fmt: skip


class JobNotFound(NotFound):
    problem = Problem(
        "job-not-found", 404, "There is no such job",
        "No job has this id, or this key may not see its queue or task.",
        "Check the id; `GET /v1/jobs` lists the jobs this key may see.",
        ("OWN01",),
    )  # fmt: skip


class JobGone(NotFound):
    problem = Problem(
        "job-gone", 410, "The job is gone",
        "Its id was given out once and no job has it: it was deleted, by somebody or at its age.",
        "Keep what you need of a result elsewhere; ONEWRITER_PRUNE_…_AFTER says how long jobs stay.",
        ("OWN03",),
    )  # fmt: skip


class RouteNotFound(NotFound):
    problem = Problem(
        "no-such-path", 404, "There is nothing at this path",
        "The path is none of the API's.",
        "See /docs or /openapi.json.",
    )  # fmt: skip


class WorkerNotFound(NotFound):
    problem = Problem(
        "worker-not-found", 404, "There is no such worker",
        "No worker of the registry has this id or name.",
        "Check it; `GET /v1/workers` and `onewriter workers ls` list them.",
        ("OWN04",),
    )  # fmt: skip


class ScheduleNotFound(NotFound):
    problem = Problem(
        "schedule-not-found", 404, "There is no such schedule",
        "No schedule has this name, or this key may not see its target.",
        "Check the name; `GET /v1/schedules` lists the schedules this key may see.",
        ("OWN05",),
    )  # fmt: skip


class RunNotFound(NotFound):
    problem = Problem(
        "run-not-found", 404, "There is no such run",
        "The schedule has no run of this id, or the run was deleted at its age.",
        "`GET /v1/schedules/{name}/runs` lists them; ONEWRITER_PRUNE_RUNS_AFTER says how long they stay.",
        ("OWN06",),
    )  # fmt: skip


class FlowNotFound(NotFound):
    problem = Problem(
        "flow-not-found", 404, "There is no such flow",
        "No flow has this id, the last of its jobs was deleted, or this key may see none of its members.",
        "Check the id; `GET /v1/jobs/{id}/children` lists the flows that follow from a job.",
    )  # fmt: skip


class WebhookNotFound(NotFound):
    problem = Problem(
        "webhook-not-found", 404, "There is no such webhook",
        "No webhook has this name.",
        "Check the name; `GET /v1/webhooks` lists them.",
        ("OWN08",),
    )  # fmt: skip


class MethodNotAllowed(OnewriterError):
    problem = Problem(
        "method-not-allowed", 405, "This path has no such method",
        "The path exists, with other methods; the Allow header names them.",
        "See /docs or /openapi.json.",
    )  # fmt: skip


class Conflict(OnewriterError):
    """Something exists or happens already that forbids this."""


class StateConflict(Conflict):
    problem = Problem(
        "state-conflict", 409, "Its state does not allow that",
        "For example a cancel of a finished job, a retry of a waiting one, a run-now while a run is open.",
        "Read it; `job_status` holds the status that the job had, `run_id` names the open run.",
        ("OWS01",),
    )  # fmt: skip


class QueueingLockTaken(Conflict):
    problem = Problem(
        "queueing-lock-taken", 409, "A job with this queueing_lock waits already",
        "At most one job per queueing_lock may wait; `job_id` names the one that does.",
        "Let the waiting job do the work, or use another queueing_lock.",
        ("OWQ01",),
    )  # fmt: skip


class NameTaken(Conflict):
    problem = Problem(
        "name-taken", 409, "The name is taken",
        "An API key or login with this name exists already.",
        "Choose another name, or revoke the old one.",
        ("OWK01",),
    )  # fmt: skip


class WorkerExists(Conflict):
    problem = Problem(
        "worker-exists", 409, "A worker of this name is registered",
        "The registry has a worker of this host and name; `worker_id` says which.",
        "Use that one, choose another name, or remove it first.",
        ("OWK02",),
    )  # fmt: skip


class WorkerLive(Conflict):
    problem = Problem(
        "worker-live", 409, "The worker has a live session",
        "A worker whose process is connected, or was until its lease ends, cannot be removed.",
        "Stop the process (drain it first), then remove the worker; `sessions` names what is open.",
        ("OWW03",),
    )  # fmt: skip


class ScheduleExists(Conflict):
    problem = Problem(
        "schedule-exists", 409, "A schedule of this name exists",
        "It was to be made anew, and one has this name already.",
        "Choose another name, or change that one: PATCH or PUT with its ETag in If-Match.",
        ("OWK03",),
    )  # fmt: skip


class WebhookExists(Conflict):
    problem = Problem(
        "webhook-exists", 409, "A webhook of this name exists",
        "It was to be made anew, and one has this name already.",
        "Choose another name, or change that one: PATCH or PUT with its ETag in If-Match.",
        ("OWK05",),
    )  # fmt: skip


class RevisionConflict(Conflict):
    problem = Problem(
        "revision-conflict", 412, "Somebody else changed it meanwhile",
        "If-Match named another revision than it has; `revision` is the present one, null if it is gone.",
        "Read it again, and repeat the change with the new ETag.",
        ("OWS02",),
    )  # fmt: skip


class Invalid(OnewriterError):
    problem = Problem(
        "invalid-value", 422, "A value is not acceptable",
        "A field or parameter is unknown, missing, of another type or beyond its limit.",
        "Mend the fields that `errors` names. Limits are in docs/http-api.md.",
        ("OWV01",),
    )  # fmt: skip


class InvalidArguments(Invalid):
    problem = Problem(
        "invalid-arguments", 422, "The arguments do not fit the task",
        "`args` does not match the JSON Schema the task was published with.",
        "See `GET /v1/tasks/{name}` for the schema.",
    )  # fmt: skip


class UnknownTask(Invalid):
    problem = Problem(
        "unknown-task", 422, "No task of this name is published",
        "The catalogue has no task of this name.",
        "Check the name, or publish the catalogue: `onewriter tasks publish`.",
        ("OWU01",),
    )  # fmt: skip


class QueueRefusesTask(Invalid):
    problem = Problem(
        "queue-refuses-task", 422, "The queue does not take this task",
        "A login that may run only some tasks claims from this queue; `takes` has their patterns.",
        "Use another queue, or give the task's name to the workers' login (docs/operations.md).",
        ("OWT01",),
    )  # fmt: skip


class InvalidCursor(Invalid):
    problem = Problem(
        "invalid-cursor", 422, "The cursor does not belong to this list",
        "The cursor was made for other filters, by another key, or not by this API.",
        "Pass `next_cursor` back unchanged with the same filters, or start without one.",
    )  # fmt: skip


class IdempotencyKeyReused(Invalid):
    problem = Problem(
        "idempotency-key-reused", 422, "The Idempotency-Key was used for another body",
        "Within 24 hours the same API key sent this Idempotency-Key with a different request.",
        "Use a new Idempotency-Key for a new request.",
        ("OWI01",),
    )  # fmt: skip


class BodyTooLarge(Invalid):
    problem = Problem(
        "body-too-large", 422, "The body is too large",
        "A single request may have 512 KiB, a batch 16 MiB.",
        "Split the batch; keep large data elsewhere and pass a reference.",
    )  # fmt: skip


class InvalidConfiguration(Invalid):
    problem = Problem(
        "invalid-configuration", 400, "A worker cannot be like that",
        "A field of the worker is unknown, missing, of another type or beyond its limit.",
        "Mend the fields that `errors` names. Limits are in docs/workers.md.",
        ("OWW01",),
    )  # fmt: skip


class InvalidTransition(Invalid):
    problem = Problem(
        "invalid-transition", 400, "The worker's status does not lead there",
        "The status is none, or not one that the worker may have next; `allowed` names those.",
        "Read the worker; the state machine is in docs/workers.md. To keep work away from it, drain it.",
        ("OWW02",),
    )  # fmt: skip


class BodyTooSlow(OnewriterError):
    problem = Problem(
        "body-too-slow", 408, "The body did not arrive in time",
        "A request's body must have arrived 60 seconds after its head.",
        "Send smaller batches over a slow line.",
    )  # fmt: skip


class BodyEncoded(OnewriterError):
    problem = Problem(
        "body-encoded", 415, "The body is compressed",
        "The request has a Content-Encoding; bodies are read as they come and never unpacked.",
        "Send it without a Content-Encoding, as JSON.",
    )  # fmt: skip


class RateLimited(OnewriterError):
    problem = Problem(
        "rate-limited", 429, "This key has sent too much",
        "The key is over its rate; each job of a batch counts, as does each other request.",
        "Repeat after Retry-After; `onewriter keys create --rate` sets another limit for a new key.",
    )  # fmt: skip


class Unavailable(OnewriterError):
    """Try again later; nothing is wrong with the request."""


class DatabaseUnavailable(Unavailable):
    problem = Problem(
        "database-unavailable", 503, "The database cannot be reached",
        "No connection, or it was lost; whether a write in flight was committed is then unknown.",
        "Repeat after Retry-After, writes with the same Idempotency-Key.",
    )  # fmt: skip


class Overloaded(Unavailable):
    problem = Problem(
        "overloaded", 503, "Too much is waiting",
        "The enqueue backlog is full, a statement ran into its time limit, or the process is stopping.",
        "Repeat after Retry-After.",
    )  # fmt: skip


class NotReady(Unavailable):
    problem = Problem(
        "not-ready", 503, "The API is not ready",
        "`/readyz` found a check that fails: database, migration head, environment, LISTEN, stopping.",
        "`detail` names the check; `onewriter migrate` mends the head, the others mend themselves.",
    )  # fmt: skip


class Quarantined(Unavailable):
    problem = Problem(
        "quarantined", 503, "Nothing may run in this database",
        "A restored or cloned database that nobody armed, or one armed for another ONEWRITER_ENVIRONMENT.",
        "`onewriter environment show` says where it was armed; `onewriter arm` arms it here. Reading works.",
        ("OWE01", "OWE02"),
    )  # fmt: skip


def error_types(root: type[OnewriterError] = OnewriterError) -> Iterator[type[OnewriterError]]:
    """Every class of the tree that is a row of the table."""
    for cls in root.__subclasses__():
        if "problem" in cls.__dict__:
            yield cls
        yield from error_types(cls)
