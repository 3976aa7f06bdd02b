"""How a stock task states its group, which a schedule may have as its target: an attribute, as for a timeout.

    @reports.task(name="monthly")
    async def monthly(month: str): ...
    monthly.onewriter_group = "nightly"

`worker.groups.group("nightly")` is the same as a decorator, above or below `@reports.task`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from worker.marks import mark, marks

ATTRIBUTE = "onewriter_group"

T = TypeVar("T")


def group(name: str) -> Callable[[T], T]:
    """Decorator: the task belongs to this group."""
    return mark(ATTRIBUTE, name)


def task_group(task: Any) -> str | None:
    """What is no text, or an empty one, says nothing."""
    return next((name for name in marks(task, ATTRIBUTE) if isinstance(name, str) and name), None)
