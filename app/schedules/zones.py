"""A time zone as stretches of one offset each: where they meet, the clocks are changed."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, count, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
# posix/, right/ (with leap seconds) and localtime are what one machine has and another has not.
_NAME = re.compile(r"(?!posix|right/|localtime$)[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,3}")


class Stretch(NamedTuple):
    """From `begin` to before `end` (UTC) it has `offset`; earlier it had `before`, then it has `after`."""

    begin: datetime
    end: datetime
    before: timedelta
    offset: timedelta
    after: timedelta


def fault(name: str) -> str | None:
    """What is wrong with it, for people."""
    try:
        zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "is no IANA time zone that is known here"
    return None


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Raises ZoneInfoNotFoundError, ValueError, OSError."""
    if not _NAME.fullmatch(name):
        raise ValueError(name)
    return ZoneInfo(name)


def stretches(name: str, since: datetime) -> Iterator[Stretch]:
    """The one that `since` lies in, and all that follow, without end. A year's end ends one, too."""
    bounds = chain.from_iterable(_bounds(name, year) for year in count(since.year))
    for (begin, before, offset), (end, _, after) in pairwise(bounds):
        if since < end:
            yield Stretch(begin, end, before, offset, after)


@lru_cache(maxsize=4096)
def _bounds(name: str, year: int) -> tuple[tuple[datetime, timedelta, timedelta], ...]:
    """The year's beginning and its changes of the clocks, with the offsets before and after.

    A zone does not tell its changes, so each day is looked at; no zone has changed twice within one.
    """
    days = [datetime(year, 1, 1, tzinfo=UTC) + n * _DAY for n in range(366)]
    days = [*(day for day in days if day.year == year), datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)]
    changes = [_change(name, a, b) for a, b in pairwise(days) if _offset(name, a) != _offset(name, b)]
    return tuple((at, _offset(name, at - _SECOND), _offset(name, at)) for at in (days[0], *changes))


def _change(name: str, earlier: datetime, later: datetime) -> datetime:
    """The first second of the new offset."""
    old = _offset(name, earlier)
    while later - earlier > _SECOND:
        middle = earlier + (later - earlier) // (2 * _SECOND) * _SECOND
        earlier, later = (middle, later) if _offset(name, middle) == old else (earlier, middle)
    return later


def _offset(name: str, instant: datetime) -> timedelta:
    offset = instant.astimezone(zone(name)).utcoffset()
    assert offset is not None
    return offset
