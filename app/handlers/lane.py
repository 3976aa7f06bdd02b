"""One connection's work: takes events, calls their handlers, acknowledges, all in one transaction.

Many at a time. When one of them raises, they are handled one by one, and it is delayed. A handler may also
take its process along, where nobody is left to count: so whoever has just begun, and whoever meets an event
that has failed before, handles one at a time and counts the try before it is made.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from app.commands.catalogue import Catalogue
from app.database.sqlstates import is_away, is_content
from app.handlers.complaints import ENDED, complaint
from app.handlers.delivery import Delivery, Ids, current
from app.handlers.events import Event
from app.handlers.guard import LeftTransaction
from app.handlers.inbox import Inbox
from app.handlers.links import Link
from app.handlers.planning import Call, plan
from app.handlers.queue import Fetching, Whose, acknowledge, delay, take, until_next
from app.handlers.registry import Registry

log = logging.getLogger(__name__)

# Events in one transaction.
MOST = 100
Follow = dict[int, list[Any]]


class Raised(Exception):
    """Some handler of these events did."""

    def __init__(self, events: Sequence[Event], error: Exception) -> None:
        super().__init__(str(error))
        self.events = events
        self.error = error


@dataclass(frozen=True, slots=True)
class Links:
    """Where events are taken and acknowledged, and where handlers write; one and the same unless apart."""

    queue: Link
    domain: Link
    inbox: Inbox | None = None

    @property
    def each(self) -> tuple[Link, ...]:
        return (self.queue,) if self.inbox is None else (self.queue, self.domain)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What lanes share. `desk` is for statements outside of handlers' transactions; `attempts` until parked;
    `patience` is how many seconds a transaction may take until it begins no further handler."""

    desk: Fetching
    catalogue: Callable[[], Awaitable[Catalogue]]
    ids: Ids
    signal: Callable[[Iterable[str]], None]
    attempts: int
    patience: float


class Lane:
    def __init__(
        self, whose: Whose, registry: Registry, connect: Callable[[], Links], around: Surroundings
    ) -> None:
        self.whose = whose
        self._registry = registry
        self._connect = connect
        self._around = around
        self._links: Links | None = None
        self._alone = 0
        self._wary = False

    async def turn(self) -> bool:
        """One transaction; whether there was anything to do. After psycopg errors: `close`, and try again."""
        links = self._links or await self._open()
        if not self._alone:
            return await self._many(links)
        self._alone -= 1
        found = await self._one(links)
        if not found:
            self._alone = 0
        self._wary = self._wary and self._alone > 0
        return found

    async def pause(self) -> float | None:
        """Seconds until an event is due; None if none waits."""
        return await until_next(self._around.desk, self.whose)

    async def close(self) -> None:
        if self._links is not None:
            links, self._links = self._links, None
            for link in links.each:
                await link.close()

    async def _open(self) -> Links:
        links = self._connect()
        self._links = links
        for link in links.each:
            await link.open()
        if links.inbox is not None:
            await links.domain.begin()
            await links.inbox.sweep(links.domain, self._around.desk)
            await links.domain.rollback()
        self._alone, self._wary = MOST, True
        return links

    async def _many(self, links: Links) -> bool:
        events = await self._take(links, MOST)
        if not events:
            return False
        if any(event.deliveries for event in events):
            await self._undo(links)
            self._alone = len(events)
            return True
        try:
            await self._handle(links, events)
        except Raised as raised:
            await self._undo(links)
            self._alone = len(events)
            if len(raised.events) == 1:
                await self._delay(raised.events[0], raised.error, counted=False)
        return True

    async def _one(self, links: Links) -> bool:
        events = await self._take(links, 1)
        if not events:
            return False
        (event,) = events
        counted = self._wary or event.deliveries > 0
        if counted and not await self._count(links, event):
            return True
        try:
            await self._handle(links, events)
        except Raised as raised:
            await self._undo(links)
            await self._delay(event, raised.error, counted=counted)
        return True

    async def _take(self, links: Links, most: int) -> list[Event]:
        await links.queue.begin()
        events = await take(links.queue, self.whose, most)
        if not events:
            await links.queue.rollback()
            await self._tidy(links)
        return events

    async def _count(self, links: Links, event: Event) -> bool:
        """Before the try, and committed; whether there may be one. Then the event is locked anew."""
        queue, most = links.queue, self._around.attempts + 1
        delayed = await delay(queue, event.id, ENDED, most, counted=False)
        await queue.commit()
        if delayed is None or delayed.parked:
            log.error("event %s of job %s is parked: %s", event.id, event.job.id, ENDED)
            return False
        await queue.begin()
        if await delay(queue, event.id, ENDED, most, counted=True) is None:
            await queue.rollback()
            return False
        return True

    async def _handle(self, links: Links, events: Sequence[Event]) -> None:
        """Raises Raised, and psycopg errors where nobody's handler is at fault."""
        end = asyncio.get_running_loop().time() + self._around.patience
        catalogue = await self._around.catalogue()
        applied = await self._applied(links, events)
        follow: Follow = {}
        for call in plan((event for event in events if event.id not in applied), self._registry):
            follow |= await self._call(links.domain, call, catalogue)
            if asyncio.get_running_loop().time() > end:
                break
        try:
            await self._apply(links, follow)
            answer = await acknowledge(links.queue, {**applied, **follow})
            await links.queue.commit()
        except LeftTransaction as exc:
            raise Raised(events, exc) from exc
        except psycopg.Error as exc:
            if is_content(exc):  # of some follow-up
                raise Raised(events, exc) from exc
            raise
        self._around.signal(answer.wake)
        if answer.skipped:
            log.info("not started, since their queueing lock is taken: jobs %s", answer.skipped)
        if links.inbox is not None:
            links.inbox.acknowledged([*applied, *follow])

    async def _call(self, link: Link, call: Call, catalogue: Catalogue) -> Follow:
        """The follow-ups of each event."""
        what = call.events if call.batch else call.events[0]
        delivery = Delivery(link.lent, catalogue, self._around.ids, [event.id for event in call.events])
        token = current.set(delivery)
        try:
            for handler in call.handlers:
                await link.run(handler.function, what)
        except Exception as exc:
            if link.broken and is_away(getattr(exc, "orig", exc)):  # SQLAlchemy wraps psycopg's errors
                raise
            raise Raised(call.events, exc) from exc
        finally:
            delivery.end()
            current.reset(token)
        return delivery.follow

    async def _applied(self, links: Links, events: Sequence[Event]) -> Follow:
        """Where the domain is apart: begins there; what it has applied before the queue was told."""
        if links.inbox is None:
            return {}
        await links.domain.begin()
        return await links.inbox.find(links.domain, [event.id for event in events])

    async def _apply(self, links: Links, follow: Follow) -> None:
        if links.inbox is None:
            return
        await links.inbox.record(links.domain, follow)
        await links.inbox.forget(links.domain)
        await links.domain.commit()
        links.inbox.forgotten()

    async def _tidy(self, links: Links) -> None:
        """When there is nothing to do."""
        if links.inbox is not None and links.inbox.has_old:
            await links.domain.begin()
            await self._apply(links, {})

    async def _undo(self, links: Links) -> None:
        for link in links.each:
            await link.rollback()
        if any(link.broken for link in links.each):
            await self.close()

    async def _delay(self, event: Event, error: Exception, *, counted: bool) -> None:
        text = complaint(error)
        delayed = await delay(self._around.desk, event.id, text, self._around.attempts, counted=counted)
        if delayed is None:
            log.info("event %s was ended by somebody else", event.id)
        elif delayed.parked:
            log.error("event %s of job %s is a dead letter: %s", event.id, event.job.id, text)
        else:
            last = text.rsplit("\n", 1)[-1]
            log.warning("a handler of event %s of job %s raised: %s", event.id, event.job.id, last)
