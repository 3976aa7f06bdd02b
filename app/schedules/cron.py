"""Cron expressions on a wall clock without a zone."""

import re
from collections.abc import Iterator
from copy import copy
from datetime import datetime, timedelta
from functools import lru_cache

from cronsim import CronSim, CronSimError

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# cronsim turns letters into capitals first, and some that are none of ours become ours.
_CHARACTERS = re.compile(r"[0-9A-Za-z*/,#\- \t]*")
_SECOND = timedelta(seconds=1)
_ANY_DAY = datetime(2000, 1, 1)  # noqa: DTZ001  a wall clock has no zone


def expand(expression: str) -> str:
    """Its fields; an @alias's are those it stands for."""
    return ALIASES.get(expression.strip().lower(), expression)


@lru_cache(maxsize=4096)
def fault(expression: str) -> str | None:
    """What is wrong with it, for people."""
    text = expand(expression)
    if text.lstrip().startswith("@"):
        return f"is none of {', '.join(ALIASES)}"
    if not _CHARACTERS.fullmatch(text):
        return "contains what no cron expression has"
    if len(text.split()) not in (5, 6):
        return "must have 5 fields, or 6 with the seconds first"
    try:
        return None if next(CronSim(text, _ANY_DAY), None) else "never fires"
    except CronSimError as exc:
        return _explain(str(exc))


def _explain(refusal: str) -> str:
    """cronsim says `Bad minute`, and `Bad day-of-month` for 31 February as well."""
    bad = f"has a {refusal[:1].lower()}{refusal[1:]}"
    return f"{bad}, or one that its months never have" if refusal.endswith("day-of-month") else bad


class Cron:
    """An expression that has no fault."""

    def __init__(self, expression: str) -> None:
        self._text = expand(expression)
        # Not a time of day: Debian's cron, too, runs it by the time that passes.
        self.every_hour = self._text.split()[-4].startswith("*")
        self._silence = _ANY_DAY, _ANY_DAY

    def within(self, first: datetime, end: datetime) -> Iterator[datetime]:
        """The matching whole seconds from `first` on, before `end`; all of them naive."""
        since, until = self._silence
        if since <= first and end <= until:
            return
        silent = first
        for wall in _from(self._text, first):
            if wall >= end:
                # The next stretches need no search of their own: one for 29 February looks years ahead.
                self._silence = silent, wall
                return
            yield wall
            silent = wall + _SECOND


def _from(text: str, first: datetime) -> CronSim:
    """Its matches from `first` on. Reading the text is most of what a short walk costs."""
    walk = copy(_parsed(text))
    walk.dt = first - _SECOND
    return walk


@lru_cache(maxsize=4096)
def _parsed(text: str) -> CronSim:
    return CronSim(text, _ANY_DAY)
