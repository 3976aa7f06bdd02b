"""How a stock task states its group, which a schedule may have as its target: an attribute, as for a timeout.

    @reports.task(name="monthly")
    async def monthly(month: str): ...
    monthly.onewriter_group = "nightly"

`worker.groups.group("nightly")` is the same as a decorator, above or below `@reports.task`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

ATTRIBUTE = "onewriter_group"

T = TypeVar("T")


def group(name: str) -> Callable[[T], T]:
    """Decorator: the task belongs to this group."""

    def mark(target: T) -> T:
        setattr(target, ATTRIBUTE, name)
        return target

    return mark


def task_group(task: Any) -> str | None:
    """The task's own attribute goes before its function's."""
    for owner in (task, task.func):
        name = getattr(owner, ATTRIBUTE, None)
        if isinstance(name, str) and name:
            return name
    return None
