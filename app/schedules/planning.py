"""What is due of a schedule, and which runs that makes: the rule for missed fires."""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Literal, NamedTuple

from app.schedules.definition import Definition
from app.schedules.timetable import TICK, Fire, Moment, fire_of, moments

GRACE = timedelta(seconds=60)
# Where as many were missed nobody counts on: `missed` then says at least this.
MOST_MISSED = 100_000


class PlannedRun(NamedTuple):
    """`missed`: how many other planned times it stands for, or passes over; MOST_MISSED is that or more."""

    planned: datetime
    trigger: Literal["cron", "catch-up"]
    missed: int = 0
    skipped: bool = False


class Plan(NamedTuple):
    """`fired_until` is the new high-water mark, `next` the first fire beyond it."""

    runs: list[PlannedRun]
    fired_until: datetime
    next: Fire | None


class Due(NamedTuple):
    """How many are late, the newest of them, and those in time; in order. Then the first that is not due."""

    missed: int
    late: Sequence[datetime]
    in_time: Sequence[datetime]
    next: Fire | None


def plan(
    definition: Definition,
    fired_until: datetime,
    now: datetime,
    seed: int,
    grace: timedelta = GRACE,
    most: int = 100,
) -> Plan:
    """Everything that is due after the high-water mark. A clock that went back makes nothing due."""
    due = _due(definition, fired_until, now, seed, grace, most + 1)
    last = [fired_until, *due.late[-1:], *due.in_time[-1:]][-1]
    return Plan(_runs(definition, due, most), last, due.next)


def _due(
    definition: Definition, after: datetime, now: datetime, seed: int, grace: timedelta, most: int
) -> Due:
    # Whatever its jitter, what was planned up to here is late.
    surely = now - grace - timedelta(seconds=definition.jitter) - TICK
    missed, late, others = _missed(definition, after, surely, most)
    in_time: list[datetime] = []
    # A fire waits for those before it: the high-water mark has none left out below it.
    wake = after
    for moment in others:
        fire = fire_of(definition, moment, seed)
        wake = max(wake, fire.wake)
        if wake > now:
            return Due(missed, list(late), in_time, fire)
        if wake < now - grace:
            missed += 1
            late.append(fire.planned)
        else:
            in_time.append(fire.planned)
    return Due(missed, list(late), in_time, None)


def _missed(
    definition: Definition, after: datetime, until: datetime, most: int
) -> tuple[int, deque[datetime], Iterator[Moment]]:
    """How many, the newest `most`, and what follows."""
    newest: deque[datetime] = deque(maxlen=most)
    missed, ahead = 0, moments(definition, after)
    for moment in ahead:
        if moment.planned > until:
            return missed, newest, chain((moment,), ahead)
        if missed == MOST_MISSED + most:
            newest.extend(_newest(definition, after, until, most))
            return missed, newest, moments(definition, until)
        newest.append(moment.planned)
        missed += 1
    return missed, newest, ahead


def _newest(definition: Definition, after: datetime, until: datetime, most: int) -> list[datetime]:
    """The last `most` of so many that nobody goes through them: a time is sought with few enough after it."""
    enough = 10 * most
    while True:
        middle = after + (until - after) / 2
        found = [moment.planned for moment in islice(moments(definition, middle, until), enough)]
        if most <= len(found) < enough:
            return found[-most:]
        after, until = (after, middle) if len(found) < most else (middle, until)


def _runs(definition: Definition, due: Due, most: int) -> list[PlannedRun]:
    in_time = [PlannedRun(planned, "cron") for planned in due.in_time]
    if not due.missed:
        return in_time
    if definition.missed == "once" and in_time:
        return [in_time[0]._replace(missed=min(due.missed, MOST_MISSED)), *in_time[1:]]
    if definition.missed == "all":
        return [*_catch_up_all(due, most), *in_time]
    return [_one_for(due.late[-1], due.missed, skipped=definition.missed == "skip"), *in_time]


def _catch_up_all(due: Due, most: int) -> list[PlannedRun]:
    """The newest of them; one that is skipped stands for the older."""
    runs = [PlannedRun(planned, "catch-up") for planned in due.late[-most:]]
    older = due.missed - len(runs)
    return [_one_for(due.late[-most - 1], older, skipped=True), *runs] if older else runs


def _one_for(planned: datetime, count: int, *, skipped: bool) -> PlannedRun:
    return PlannedRun(planned, "catch-up", min(count - 1, MOST_MISSED), skipped)
