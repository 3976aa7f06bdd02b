"""`onewriter scheduler`: the loops of one process, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from app.database.listener import Callback, Listener
from app.scheduler import expiry, flows, janitor, registry, rescue, retention, schedules, webhooks
from app.scheduler.election import Leadership
from app.scheduler.janitor import Janitor
from app.scheduler.loop import CHANNEL, Loop
from app.scheduler.retention import Ages, Retention
from app.scheduler.schedules import Schedules
from app.settings import Settings

log = logging.getLogger(__name__)


def make_loops(settings: Settings, firing: Schedules, ending: Janitor | None) -> list[Loop]:
    loops = [
        Loop("rescue", rescue.run_once, rescue.LONGEST),
        Loop("expiry", expiry.run_once, expiry.LONGEST),
        Loop("flows", flows.run_once, flows.LONGEST, gap=flows.GAP, channel=flows.CHANNEL),
        Loop("retention", Retention(Ages.of(settings)).run_once, retention.LONGEST, channel=None),
        *registry.make_checks(settings),
        Loop(
            "schedules",
            firing.run_once if settings.scheduler_enabled else firing.close,
            schedules.LONGEST,
            shortest=schedules.SHORTEST,
            channel=schedules.CHANNEL,
        ),
        Loop("webhooks", webhooks.run_once, webhooks.LONGEST, channel=webhooks.CHANNEL),
    ]
    if ending is not None:
        loops.append(Loop("janitor", ending.run_once, janitor.LONGEST))
    return loops


def make_janitor(settings: Settings) -> Janitor | None:
    if settings.janitor_database_url:
        return Janitor(settings.janitor_database_url)
    log.warning("ONEWRITER_JANITOR_DATABASE_URL is not set: nobody ends what workers' logins leave open")
    return None


def make_leadership(settings: Settings) -> Leadership:
    if not settings.scheduler_enabled:
        log.warning("ONEWRITER_SCHEDULER_ENABLED is false: while this process leads, no schedule fires")
    return Leadership(
        settings.database_url, environment=settings.environment, fires=settings.scheduler_enabled
    )


def make_callbacks(loops: Sequence[Loop], leadership: Leadership, firing: Schedules) -> dict[str, Callback]:
    """Each channel wakes its loops; an armed copy has a lead to have, and published tasks are other tasks."""

    def wake(channel: str) -> None:
        for loop in loops:
            if loop.channel == channel:
                loop.wake.set()

    def called() -> None:
        leadership.called.set()
        wake(CHANNEL)

    heard = {loop.channel: partial(wake, loop.channel) for loop in loops if loop.channel}
    return {**heard, CHANNEL: called, "ow_conf": firing.forget}


async def run(settings: Settings) -> None:
    """Serves until told to stop; a run in flight is rolled back whole."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_until(stop, settings)


async def run_until(stop: asyncio.Event, settings: Settings) -> None:
    dsn = settings.database_url
    leadership, ending = make_leadership(settings), make_janitor(settings)
    firing = Schedules(grace=timedelta(seconds=settings.missed_after))
    loops = make_loops(settings, firing, ending)
    callbacks = make_callbacks(loops, leadership, firing)

    def look() -> None:
        for callback in callbacks.values():
            callback()

    async with Listener(dsn, callbacks, on_reconnect=look, application_name="onewriter scheduler listen"):
        tasks = [asyncio.create_task(loop.run(leadership), name=loop.name) for loop in loops]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await leadership.close()
    if ending is not None:
        await ending.close()
