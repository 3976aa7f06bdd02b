"""A job as a handler or a team's own code asks for it, checked against the catalogue at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from app.commands.catalogue import Catalogue, Entry
from app.commands.jobs_in import JobIn
from app.commands.preparing import allowed_attempts, check_size, invalid, look_up, place
from app.errors import InvalidArguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a job says beside its arguments; None leaves it to the task. Numbers are seconds."""

    queue: str | None = None
    priority: int | None = None
    key: str | None = None
    lock: str | None = None
    queueing_lock: str | None = None
    run_at: datetime | None = None
    delay: float | timedelta | None = None
    expires_at: datetime | None = None
    timeout: float | timedelta | None = None
    max_attempts: int | None = None


class Step(NamedTuple):
    """A job to come: of a chain, of a group, or its callback."""

    task: str
    options: Options
    args: dict[str, Any]


def job(task: str, options: Options | None = None, /, **args: Any) -> Step:
    """A step of a chain, a member of a group, or a callback."""
    return Step(task, options or Options(), args)


def prepare(step: Step, catalogue: Catalogue, *, later: str | None = None) -> JobIn:
    """`later` is an argument that the step gets when it starts. Raises UnknownTask, InvalidArguments."""
    entry = look_up(catalogue, step.task)
    options = step.options
    args = _encode(step.args)
    _check(entry, args, later)
    _check_times(options)
    queue, priority, lock, queueing_lock = place(options, entry.task)
    return JobIn(
        task=entry.task.name,
        queue=queue,
        args=Raw(args),
        priority=priority,
        lock=lock,
        queueing_lock=queueing_lock,
        key=options.key,
        run_at=options.run_at,
        delay=_seconds(options.delay),
        expires_at=options.expires_at,
        timeout=entry.task.timeout if options.timeout is None else _seconds(options.timeout),
        max_attempts=allowed_attempts(options.max_attempts, entry.task),
    )


def _encode(args: dict[str, Any]) -> bytes:
    try:
        raw = msgspec.json.encode(args)
    except (TypeError, ValueError, msgspec.MsgspecError) as exc:
        raise invalid("args", f"are not JSON: {exc}") from None
    check_size(raw)
    return raw


def _check(entry: Entry, args: bytes, later: str | None) -> None:
    """As the worker will read them; what comes later cannot be missing now."""
    try:
        entry.check(msgspec.json.decode(args))
    except InvalidArguments as exc:
        if any(error.field != f"args.{later}" for error in exc.errors):
            raise


def _check_times(options: Options) -> None:
    for field in ("run_at", "expires_at"):
        value: datetime | None = getattr(options, field)
        if value is not None and value.tzinfo is None:
            raise invalid(field, "has no time zone")
    if options.run_at is not None and options.delay is not None:
        raise invalid("delay", "cannot stand beside run_at")


def _seconds(duration: float | timedelta | None) -> float | None:
    return duration.total_seconds() if isinstance(duration, timedelta) else duration
