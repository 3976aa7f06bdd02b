"""When a schedule fires: the planned times, in order, as lazily as they are asked for."""

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import count
from typing import Literal, NamedTuple

from app.schedules.cron import Cron
from app.schedules.definition import YEARS, Definition
from app.schedules.zones import Stretch, stretches, zone

Dst = Literal["shifted", "first", "second"]

TICK = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(YEARS[-1], 12, 31, tzinfo=UTC)


class Fire(NamedTuple):
    """`wake` is `planned` with the jitter; `wall` is `planned` on the clocks of the schedule's zone.

    `dst`: shifted out of the hour that the clocks leave out, or which of the two it is in the repeated one.
    """

    planned: datetime
    wake: datetime
    wall: datetime
    dst: Dst | None


class Moment(NamedTuple):
    planned: datetime
    shifted: bool = False


def fires(
    definition: Definition, after: datetime, until: datetime | None = None, *, seed: int = 0
) -> Iterator[Fire]:
    """Those planned after `after` and not after `until`, in order. `seed` is the schedule's id."""
    return (fire_of(definition, moment, seed) for moment in moments(definition, after, until))


def next_fire(definition: Definition, after: datetime, seed: int = 0) -> Fire | None:
    return next(fires(definition, after, seed=seed), None)


def moments(definition: Definition, after: datetime, until: datetime | None = None) -> Iterator[Moment]:
    """The same without what costs more. `start` and `end` belong to the time in which a schedule fires."""
    since = max(after.astimezone(UTC), (definition.start or _EPOCH) - TICK)
    until = min(until or _LAST, definition.end or _LAST, _LAST)
    for moment in _from(definition, since):
        if moment.planned > until:
            return
        if moment.planned > since:
            since = moment.planned
            yield moment


def _from(definition: Definition, since: datetime) -> Iterator[Moment]:
    if definition.cron is not None:
        return _by_cron(definition, Cron(definition.cron), since)
    if definition.every is not None:
        return _by_period(definition.start or _EPOCH, definition.every, since)
    return (Moment(instant) for instant in definition.at or ())


def _by_period(anchor: datetime, seconds: float, since: datetime) -> Iterator[Moment]:
    """Whole microseconds, counted from the anchor: nothing adds up."""
    period = timedelta(microseconds=round(seconds * 1_000_000))
    return (Moment(anchor + n * period) for n in count((since - anchor) // period + 1))


def _by_cron(definition: Definition, cron: Cron, since: datetime) -> Iterator[Moment]:
    for stretch in stretches(definition.timezone, since):
        as_read = _as_read(definition, cron, stretch, since)
        if stretch.offset > stretch.before and definition.gap == "shift" and not cron.every_hour:
            yield from heapq.merge(as_read, _shifted(cron, stretch))
        else:
            yield from as_read


def _as_read(definition: Definition, cron: Cron, stretch: Stretch, since: datetime) -> Iterator[Moment]:
    """What the clocks show during the stretch, less the readings that the overlap's rule gives to another."""
    first, end = _naive(stretch.begin) + stretch.offset, _naive(stretch.end) + stretch.offset
    if not cron.every_hour and definition.overlap == "first":
        first = max(first, _naive(stretch.begin) + stretch.before)
    if not cron.every_hour and definition.overlap == "second":
        end = min(end, _naive(stretch.end) + stretch.after)
    first = max(first, _naive(since).replace(microsecond=0) + _SECOND + stretch.offset)
    return (Moment(_aware(wall - stretch.offset)) for wall in cron.within(first, end))


def _shifted(cron: Cron, stretch: Stretch) -> Iterator[Moment]:
    """The readings that the change at its beginning left out, later by as much as was left out."""
    first, end = _naive(stretch.begin) + stretch.before, _naive(stretch.begin) + stretch.offset
    return (Moment(_aware(wall - stretch.before), shifted=True) for wall in cron.within(first, end))


def _naive(instant: datetime) -> datetime:
    return instant.replace(tzinfo=None)


def _aware(naive: datetime) -> datetime:
    return naive.replace(tzinfo=UTC)


def fire_of(definition: Definition, moment: Moment, seed: int) -> Fire:
    planned = moment.planned
    wall = planned.astimezone(zone(definition.timezone))
    wake = planned + _jitter(definition.jitter, planned, seed)
    return Fire(planned, wake, wall, "shifted" if moment.shifted else _which(wall))


def _which(wall: datetime) -> Dst | None:
    if wall.fold:
        return "second"
    return "first" if wall.replace(fold=1).utcoffset() != wall.utcoffset() else None


def _jitter(most: float, planned: datetime, seed: int) -> timedelta:
    """The same for the same fire, whoever asks; from 0 to less than `most`."""
    if not most:
        return timedelta()
    digest = blake2b(f"{seed} {planned.isoformat()}".encode(), digest_size=6).digest()
    return timedelta(microseconds=int(most * 1_000_000) * int.from_bytes(digest) >> 48)
