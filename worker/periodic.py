"""@app.periodic as schedules: what a catalogue publishes of them, since no worker defers one.

Procrastinate reads crons with croniter, in UTC, with the seconds last; the scheduler reads them with cronsim,
with the seconds first. What the two would read differently is refused: it would fire at other times.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cronsim import CronSim, CronSimError
from procrastinate.periodic import PeriodicTask

from worker.errors import Refused

AnyPeriodic = PeriodicTask[..., Any, ...]
NICKNAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_TAKEN_OVER = ("queue", "priority", "lock", "queueing_lock")
# Second, minute, hour, day, month, day of the week.
_EVERY = (range(60), range(60), range(24), range(1, 32), range(1, 13), range(7))


class Reading(NamedTuple):
    """What an expression means; `either`: a day that fits one of the two day fields fits."""

    fields: tuple[object, ...]
    either: bool


def schedule(periodic: AnyPeriodic) -> dict[str, Any]:
    """{"name", "definition"}; raises Refused for what no schedule can say."""
    return {"name": _name(periodic), "definition": _definition(periodic)}


def _name(periodic: AnyPeriodic) -> str:
    return ":".join(filter(None, (periodic.task.name, periodic.periodic_id)))


def _definition(periodic: AnyPeriodic) -> dict[str, Any]:
    options = periodic.configure_kwargs
    if options.get("schedule_at") is not None or options.get("schedule_in") is not None:
        raise _refused(periodic, "a schedule's jobs are due when it fires: no schedule_at, no schedule_in")
    optional = {"args": _args(periodic), **{name: options.get(name) for name in _TAKEN_OVER}}
    return {
        "cron": _cron(periodic),
        "target": {"task": periodic.task.name},
        **{name: value for name, value in optional.items() if value is not None},
        "timestamp": True,
    }


def _args(periodic: AnyPeriodic) -> dict[str, Any] | None:
    args = periodic.configure_kwargs.get("task_kwargs")
    try:
        json.dumps(args, allow_nan=False)
    except (TypeError, ValueError) as exc:
        raise _refused(periodic, f"its task_kwargs are not JSON ({exc})") from None
    return args


def _cron(periodic: AnyPeriodic) -> str:
    """With the seconds first; a nickname such as @hourly stays one."""
    fields = periodic.cron.split()
    if periodic.cron.lower() in NICKNAMES:
        return periodic.cron.lower()
    if len(fields) > 6:
        raise _refused(periodic, "a cron has no years")
    moved = " ".join([*fields[5:], *fields[:5]])
    try:
        same = _by_croniter(periodic.croniter) == _by_cronsim(
            CronSim(moved, datetime.min.replace(tzinfo=UTC))
        )
    except (ValueError, CronSimError) as exc:
        raise _refused(periodic, str(exc).rstrip(".")) from None
    if not same:
        raise _refused(periodic, "that means other days or times to croniter than to cron")
    return moved


def _by_croniter(read: Any) -> Reading:
    minute, hour, day, month, weekday, *second = read.expanded
    nth = read.nth_weekday_of_month
    given = [*(second or [[0]]), minute, hour, day, month, weekday]
    fields = [set(every) if one == ["*"] else set(one) for one, every in zip(given, _EVERY, strict=True)]
    if nth:
        fields[-1] = {(one, number) for one, numbers in nth.items() for number in numbers}
    return Reading(tuple(fields), either=day != ["*"] and weekday != ["*"] and not nth)


def _by_cronsim(read: CronSim) -> Reading:
    days = {"l" if one == read.LAST else one for one in read.days}
    weekdays = {(one[0] % 7, one[1]) if isinstance(one, tuple) else one % 7 for one in read.weekdays}
    fields = (read.seconds, read.minutes, read.hours, days, read.months, weekdays)
    return Reading(fields, either=not read.day_and)


def _refused(periodic: AnyPeriodic, why: str) -> Refused:
    return Refused(f"The schedule {_name(periodic)} with cron {periodic.cron!r} cannot be published: {why}.")
