"""Which calls of handlers a transaction's events become, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.handlers.events import Event
from app.handlers.registry import Handler, Registry


@dataclass(slots=True)
class Call:
    """These handlers, one after another, with these events: one event, or of a batch the list."""

    handlers: tuple[Handler, ...]
    events: list[Event] = field(default_factory=list)

    @property
    def batch(self) -> bool:
        return self.handlers[0].kind.batch


def plan(events: Iterable[Event], registry: Registry) -> list[Call]:
    """Events of one order keep it, whatever handles them; a batch is as long as that allows."""
    calls: list[Call] = []
    latest_of_key: dict[str, int] = {}
    open_batch: dict[tuple[Handler, ...], int] = {}
    for event in events:
        handlers = registry.of(event.job.task, event.event)
        key = _order_key(event, handlers[0].kind.ordered_by)
        index = open_batch.get(handlers, -1)
        if index < latest_of_key.get(key, 0):
            index = len(calls)
            calls.append(Call(handlers))
            if calls[index].batch:
                open_batch[handlers] = index
        calls[index].events.append(event)
        latest_of_key[key] = index
    return calls


def _order_key(event: Event, ordered_by: str) -> str:
    if ordered_by == "key" and event.job.key is not None:
        return f"key {event.job.key}"
    if ordered_by == "lock" and event.job.lock is not None:
        return f"lock {event.job.lock}"
    return f"job {event.job.id}"
