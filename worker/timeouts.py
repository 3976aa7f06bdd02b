"""How a stock task states its timeout: an attribute, so that task modules need nothing of ours.

    @reports.task(name="monthly")
    async def monthly(month: str): ...
    monthly.onewriter_timeout = 600

`worker.timeouts.timeout(600)` is the same as a decorator, above or below `@reports.task`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from worker.marks import mark, marks

ATTRIBUTE = "onewriter_timeout"

T = TypeVar("T")


def timeout(seconds: float) -> Callable[[T], T]:
    """Decorator: the task may run this long."""
    return mark(ATTRIBUTE, seconds)


def task_timeout(task: Any) -> float | None:
    """Seconds, or None; what is no number above 0 says nothing."""
    for seconds in marks(task, ATTRIBUTE):
        if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
            return float(seconds)
    return None
