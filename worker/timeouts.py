"""How a stock task states its timeout: an attribute, so that task modules need nothing of ours.

    @reports.task(name="monthly")
    async def monthly(month: str): ...
    monthly.onewriter_timeout = 600

`worker.timeouts.timeout(600)` is the same as a decorator, above or below `@reports.task`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

ATTRIBUTE = "onewriter_timeout"

T = TypeVar("T")


def timeout(seconds: float) -> Callable[[T], T]:
    """Decorator: the task may run this long."""

    def mark(target: T) -> T:
        setattr(target, ATTRIBUTE, seconds)
        return target

    return mark


def task_timeout(task: Any) -> float | None:
    """Seconds, or None; the task's own attribute goes before its function's."""
    for owner in (task, task.func):
        seconds = getattr(owner, ATTRIBUTE, None)
        if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
            return float(seconds)
    return None
