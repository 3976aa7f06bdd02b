"""What a handler in progress has asked for: follow-ups, kept until its events are acknowledged.

`current` is set while a handler runs. What it collects travels with the acknowledgement, so that domain rows,
acknowledgement and follow-ups are one transaction, or where the domain is apart are kept beside its rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from app.commands.catalogue import Catalogue
from app.handlers.events import Event

Item = dict[str, Any]
# How many ids are drawn at once; most handlers start few jobs.
BLOCK = 100

current: ContextVar[Delivery | None] = ContextVar("onewriter_delivery", default=None)


class Ids:
    """Ids of jobs to come, drawn from the queue's database in blocks."""

    def __init__(
        self, draw: Callable[[int], Awaitable[list[int]]], wait: Callable[[Coroutine[Any, Any, int]], int]
    ):
        """`draw` asks the database; `wait` lets a thread that is no event loop's wait for the answer."""
        self._draw = draw
        self._wait = wait
        self._block: deque[int] = deque()

    async def next(self) -> int:
        if not self._block:
            self._block.extend(await self._draw(BLOCK))
        return self._block.popleft()

    def next_sync(self) -> int:
        return self._block.popleft() if self._block else self._wait(self.next())


class Delivery:
    """The events that one call of a handler was given, and the follow-ups it has collected for each.

    `conn` is what the handler was given: what is asked for over another connection is none of ours.
    """

    def __init__(self, conn: Any, catalogue: Catalogue, ids: Ids, event_ids: list[int]) -> None:
        self.conn = conn
        self.catalogue = catalogue
        self._ids = ids
        self._cause = event_ids[0]
        self._follow: dict[int, list[Item]] = {event_id: [] for event_id in event_ids}
        self._over = False

    @property
    def follow(self) -> dict[int, list[Item]]:
        """What follows each event, as acknowledge_events takes it."""
        return self._follow

    def collect(self, item: Item) -> None:
        """{"job": …} or {"flow": …}, checked already. Raises RuntimeError once the handler has returned."""
        if self._over:
            raise RuntimeError("the handler has returned: what it leaves running can start no follow-up")
        self._follow[self._cause].append(item)

    async def draw(self) -> int:
        """The id of a job to come."""
        return await self._ids.next()

    def draw_sync(self) -> int:
        """The same in a handler that is no coroutine."""
        return self._ids.next_sync()

    def end(self) -> None:
        self._over = True

    @contextmanager
    def because_of(self, event_id: int) -> Iterator[None]:
        """What is collected meanwhile follows this event; without it, of several, the first."""
        if event_id not in self._follow:
            raise ValueError(f"event {event_id} is none of those that this handler was given")
        before, self._cause = self._cause, event_id
        try:
            yield
        finally:
            self._cause = before


@contextmanager
def because_of(event: Event) -> Iterator[None]:
    """In a batch: what is enqueued within follows this event. Raises RuntimeError outside of a handler."""
    delivery = current.get()
    if delivery is None:
        raise RuntimeError("because_of is for result handlers")
    with delivery.because_of(event.id):
        yield


def delivery_of(conn: Any) -> Delivery | None:
    """The delivery in progress over this very connection, or a session bound to it; None outside of one."""
    delivery = current.get()
    if delivery is None or delivery.conn not in (conn, getattr(conn, "bind", None)):
        return None
    return delivery
