"""`onewriter scheduler`: the loops of one process, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal

from app.database.listener import Listener
from app.scheduler import expiry, janitor, registry, rescue, retention
from app.scheduler.election import Leadership
from app.scheduler.janitor import Janitor
from app.scheduler.loop import Loop
from app.scheduler.retention import Ages, Retention
from app.settings import Settings

log = logging.getLogger(__name__)

CHANNEL = "ow_sched"


def make_loops(settings: Settings, ending: Janitor | None) -> list[Loop]:
    loops = [
        Loop("rescue", rescue.run_once, rescue.LONGEST),
        Loop("expiry", expiry.run_once, expiry.LONGEST),
        Loop("retention", Retention(Ages.of(settings)).run_once, retention.LONGEST, signalled=False),
        *registry.make_checks(settings),
    ]
    if ending is not None:
        loops.append(Loop("janitor", ending.run_once, janitor.LONGEST))
    return loops


def make_janitor(settings: Settings) -> Janitor | None:
    if settings.janitor_database_url:
        return Janitor(settings.janitor_database_url)
    log.warning("ONEWRITER_JANITOR_DATABASE_URL is not set: nobody ends what workers' logins leave open")
    return None


async def run(settings: Settings) -> None:
    """Serves until told to stop; a run in flight is rolled back whole."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_until(stop, settings)


async def run_until(stop: asyncio.Event, settings: Settings) -> None:
    dsn = settings.database_url
    leadership, ending = Leadership(dsn, environment=settings.environment), make_janitor(settings)
    loops = make_loops(settings, ending)

    def wake() -> None:
        leadership.called.set()
        for loop in loops:
            if loop.signalled:
                loop.wake.set()

    async with Listener(
        dsn, {CHANNEL: wake}, on_reconnect=wake, application_name="onewriter scheduler listen"
    ):
        tasks = [asyncio.create_task(loop.run(leadership), name=loop.name) for loop in loops]
        stopping = asyncio.create_task(stop.wait())
        # A loop never ends by itself; if a defect ends one, the process ends with it and says so.
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (stopping, *tasks):
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    await leadership.close()
    if ending is not None:
        await ending.close()
    for error in ended:
        if isinstance(error, Exception):
            raise error
