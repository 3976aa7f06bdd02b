"""A run's members: the tasks that a schedule's target names, each prepared as an enqueue of it would be."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from app.commands.catalogue import Catalogue
from app.commands.jobs_in import JobIn
from app.commands.preparing import check_size, invalid, look_up, place
from app.errors import OnewriterError
from app.schedules import Definition, Target

# Where no task has a name to give to the member.
ALL = "*"
NOBODY = "no-task"
NO_ARGS = Raw(b"null")


class Fault(Struct, frozen=True):
    """Why a member gets no job; `error` is the slug that the API would answer with."""

    error: str
    message: str


class Member(Struct, frozen=True, omit_defaults=True):
    task: str
    job: JobIn | None = None
    error: Fault | None = None


def make_members(
    definition: Definition, catalogue: Catalogue, planned: datetime, overrides: Raw = NO_ARGS
) -> list[Member]:
    """One for each task, at least one: a target that no task answers to is a fault to be seen in the run.

    `overrides` are a JSON object or null: arguments of this run alone. Raises Invalid if they are neither.
    """
    names = _names(definition.target, catalogue)
    if not names:
        return [Member(ALL, error=Fault(NOBODY, "no published task belongs to the target"))]
    args = _args(definition, planned, overrides)
    return [_member(name, definition, catalogue, args) for name in names]


def _args(definition: Definition, planned: datetime, overrides: Raw) -> dict[str, Any]:
    args = {**definition.args, **_decoded(overrides)}
    return {**args, "timestamp": int(planned.timestamp())} if definition.timestamp else args


def _decoded(overrides: Raw) -> dict[str, Any]:
    try:
        return msgspec.json.decode(overrides, type=dict[str, Any] | None) or {}
    except msgspec.DecodeError as exc:
        raise invalid("args", str(exc)) from None


def _names(target: Target, catalogue: Catalogue) -> list[str]:
    if target.task is not None:
        return [target.task]
    return target.tasks if target.tasks is not None else _published(catalogue, target.group)


def _published(catalogue: Catalogue, group: str | None) -> list[str]:
    """Of the group, or all; by their names, not by their aliases."""
    tasks = (entry.task for name, entry in catalogue.items() if name == entry.task.name)
    return sorted(task.name for task in tasks if group is None or task.group == group)


def _member(name: str, definition: Definition, catalogue: Catalogue, args: dict[str, Any]) -> Member:
    try:
        return Member(name, job=_job(name, definition, catalogue, args))
    except OnewriterError as exc:
        return refused(name, exc)


def refused(name: str, exc: OnewriterError) -> Member:
    fields = (f"{error.field} {error.message}" for error in exc.errors if error.message not in exc.detail)
    return Member(name, error=Fault(exc.problem.slug, "; ".join([exc.detail, *fields])))


def _job(name: str, definition: Definition, catalogue: Catalogue, args: dict[str, Any]) -> JobIn:
    """Raises UnknownTask, Invalid, InvalidArguments."""
    entry = look_up(catalogue, name)
    raw = msgspec.json.encode(args)
    check_size(raw)
    entry.check(args)
    task = entry.task
    queue, priority, lock, queueing_lock = place(definition, task)
    return JobIn(
        task=task.name,
        queue=queue,
        args=Raw(raw),
        priority=priority,
        lock=lock,
        queueing_lock=queueing_lock,
        timeout=task.timeout,
        max_attempts=task.max_attempts,
    )
