"""What a stock task says of itself to onewriter: attributes, so that task modules need nothing of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def mark(attribute: str, value: Any) -> Callable[[T], T]:
    """A decorator that sets it; it may stand above or below the one that makes the task."""

    def marked(target: T) -> T:
        setattr(target, attribute, value)
        return target

    return marked


def marks(task: Any, attribute: str) -> Iterator[Any]:
    """Its values, the task's own before its function's."""
    for owner in (task, task.func):
        if hasattr(owner, attribute):
            yield getattr(owner, attribute)
