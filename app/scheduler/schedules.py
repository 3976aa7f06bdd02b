"""Schedules: plans what was changed, fires what is due, starts what waited; sleeps until the next fire."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import psycopg

from app.commands import firing
from app.commands.catalogue import Catalogue, make_catalogue
from app.commands.firing import Answer, Fired, Look, Planned, Start
from app.database.pool import Connection
from app.database.repeat import repeated
from app.database.sqlstates import is_content
from app.queries.tasks import list_tasks
from app.scheduler.deciding import decide
from app.scheduler.signals import notify
from app.schedules import GRACE

log = logging.getLogger(__name__)

CHANNEL = "ow_fire"
# Every change of a schedule and every job of a run that ends signals it; this is the net.
LONGEST = 3600.0
# A timer that rings a little early looks once more; it does not spin.
SHORTEST = 0.005
# How many schedules are looked at, and about how many jobs are inserted, in one transaction.
PAGE = 200
MOST_JOBS = 1000
# Seconds until the next look where nothing counted: somebody else is at it, or the database refuses it.
STALE = 1.0

T = TypeVar("T", Planned, Fired, Start)
Write = Callable[[list[T]], Awaitable[Answer]]
Clock = Callable[[], datetime | None]


def database_clock() -> None:
    """The database's own time counts, whatever the clocks of schedulers say."""


class Schedules:
    """The tasks are read when a schedule has to fire, and then again only when they may have changed."""

    def __init__(self, clock: Clock = database_clock, grace: timedelta = GRACE) -> None:
        self._clock = clock
        self._grace = grace
        self._catalogue: Catalogue = {}
        self._generation, self._read = 1, 0
        self._refused = ""

    def forget(self) -> None:
        """The tasks may be others now."""
        self._generation += 1

    async def run_once(self, conn: Connection) -> float | None:
        """Until nothing is left to do; seconds until the next schedule fires, None if none will."""
        await self.close(conn)
        while True:
            now = self._clock()
            look = await firing.look(conn, now, PAGE)
            if not (look.unplanned or look.due or look.startable):
                return look.next
            if not await self._handle(conn, look, now):
                return STALE

    async def close(self, conn: Connection) -> None:
        """Counts the runs whose jobs have ended; all that is done where schedules are switched off."""
        while await firing.close(conn):
            continue

    async def _handle(self, conn: Connection, look: Look, now: datetime | None) -> bool:
        """Whether anything was done; what was stale is in the next look again."""
        catalogue = await self._tasks(conn) if look.due or look.startable else {}
        # Counting what was missed in years takes a while, and the other loops go on.
        decided = await asyncio.to_thread(decide, look, catalogue, self._grace)
        done = [
            await self._write(conn, partial(firing.plan, conn), decided.plans),
            await self._write(conn, partial(firing.fire, conn, now), decided.fires),
            await self._write(conn, partial(firing.start, conn), decided.starts),
        ]
        return any(done)

    async def _write(self, conn: Connection, call: Write[T], items: list[T]) -> bool:
        """Transactions of a bearable size; whether any item counted."""
        return any([await self._transact(conn, call, portion) for portion in _portions(items)])

    async def _transact(self, conn: Connection, call: Write[T], items: list[T]) -> bool:
        """Signals after the commit. What the database refuses is tried again alone: it holds up no other."""
        try:
            answer = await repeated(partial(call, items))
        except psycopg.Error as exc:
            if not is_content(exc):
                raise
            if len(items) == 1:
                self._complain(str(exc).split("\n")[0])
                return False
            return any([await self._transact(conn, call, [item]) for item in items])
        await notify(conn, answer.wake)
        return len(answer.stale) < len(items)

    def _complain(self, reason: str) -> None:
        """Once, however often it is tried."""
        if reason != self._refused:
            log.warning("a schedule is refused: %s", reason)
        self._refused = reason

    async def _tasks(self, conn: Connection) -> Catalogue:
        generation = self._generation
        if self._read != generation:
            self._catalogue = make_catalogue(await list_tasks(conn))
            self._read = generation  # what changed meanwhile is read again
        return self._catalogue


def _portions(items: list[T]) -> Iterator[list[T]]:
    """A schedule that has more jobs than that by itself is taken alone."""
    portion: list[T] = []
    jobs = 0
    for item in items:
        if portion and jobs + item.jobs > MOST_JOBS:
            yield portion
            portion, jobs = [], 0
        portion.append(item)
        jobs += item.jobs
    if portion:
        yield portion
