"""How a stock task subscribes to domain events: an attribute, as for a group.

    @mails.task(name="welcome")
    async def welcome(id: int, name: str): ...
    welcome.onewriter_events = ["member.joined"]

`worker.events.subscribes("member.joined", "member.moved")` is the same as a decorator, above or below
`@mails.task`. Each event that the API side publishes makes one job, with the event's payload as arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from worker.marks import mark, marks

ATTRIBUTE = "onewriter_events"

T = TypeVar("T")


def subscribes(*events: str) -> Callable[[T], T]:
    """Decorator: each of these events makes a job of the task."""
    return mark(ATTRIBUTE, events)


def task_events(task: Any) -> list[str]:
    """What is no list of texts says nothing, nor does an empty text."""
    given = next(marks(task, ATTRIBUTE), ())
    names: Iterable[Any] = given if isinstance(given, list | tuple | set | frozenset) else ()
    return sorted({name for name in names if isinstance(name, str) and name})
