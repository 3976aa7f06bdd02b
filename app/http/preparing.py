"""From a request's body to a job: patterns, the task's defaults, limits, and its schema."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from app.commands.catalogue import Catalogue, Entry
from app.commands.jobs_in import Idempotency, JobIn
from app.commands.preparing import allowed_attempts, check_size, invalid, look_up, place
from app.errors import FieldError, Invalid, OnewriterError
from app.http.bodies import NewJob
from app.http.content import decode_any
from app.http.keyring import Key

YEARS = range(1970, 9000)


class Timing(NamedTuple):
    """When a job was asked for: which is what its first status depends on."""

    now: datetime

    def status(self, job: NewJob) -> str:
        planned = job.delay or (job.run_at is not None and job.run_at > self.now)
        return "scheduled" if planned else "ready"


def timing() -> Timing:
    return Timing(datetime.now(UTC))


def find(catalogue: Catalogue, key: Key, name: str) -> Entry:
    """403 before 422: whoever may not use a name does not learn whether it exists."""
    key.require_task(name)
    entry = look_up(catalogue, name)
    if entry.task.name != name:
        key.require_task(entry.task.name)
    return entry


def prepare(
    job: NewJob,
    entry: Entry,
    key: Key,
    now: datetime,
    *,
    request_id: str | None = None,
    idempotency: Idempotency | None = None,
) -> JobIn:
    """Raises Invalid, InvalidArguments, NotAllowed. A job of a batch has no request_id of its own."""
    task = entry.task
    queue, priority, lock, queueing_lock = place(job, task)
    key.require_queue(queue)
    check_args(job.args, entry)
    if job.run_at is not None or job.expires_at is not None:
        check_times(job, now)
    return JobIn(
        task=task.name,
        queue=queue,
        args=job.args,
        priority=priority,
        lock=lock,
        queueing_lock=queueing_lock,
        key=job.key,
        run_at=job.run_at,
        delay=job.delay,
        expires_at=job.expires_at,
        timeout=job.timeout if job.timeout is not None else task.timeout,
        max_attempts=allowed_attempts(job.max_attempts, task),
        actor=None if request_id is None else key.name,
        request_id=request_id,
        idempotency=idempotency,
    )


def check_args(args: msgspec.Raw, entry: Entry) -> None:
    check_size(bytes(args))
    entry.check(read_args(args))


def read_args(args: msgspec.Raw) -> dict[str, Any]:
    """Raises Invalid where they are no object, or hold what cannot be stored."""
    try:
        value = decode_any(bytes(args))
    except Invalid as exc:
        raise within(exc, "args") from None
    if not isinstance(value, dict):
        raise invalid("args", "must be an object")
    return value


def check_times(job: NewJob, now: datetime) -> None:
    for field in ("run_at", "expires_at"):
        value: datetime | None = getattr(job, field)
        if value is not None and value.year not in YEARS:
            raise invalid(field, f"its year is not between {YEARS.start} and {YEARS.stop - 1}")
    if job.run_at is not None and job.delay is not None:
        raise invalid("delay", "cannot stand beside run_at")
    if job.expires_at is not None and job.expires_at <= max(now, job.run_at or now):
        raise invalid("expires_at", "lies in the past" if job.expires_at <= now else "is not after run_at")


def within(exc: OnewriterError, path: str) -> OnewriterError:
    """The same error about a part of something larger: `args.x` within `jobs[3]` is `jobs[3].args.x`."""
    inner = exc.errors or (FieldError("body", exc.detail),)
    errors = [FieldError(_under(path, error.field), error.message) for error in inner]
    return type(exc)(f"{errors[0].field}: {errors[0].message}", errors=errors, facts=exc.facts)


def _under(path: str, field: str) -> str:
    if field == "body":
        return path
    return path + field if field.startswith("[") else f"{path}.{field}"
