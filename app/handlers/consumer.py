"""`onewriter handlers run`, and the same beside the API: lanes that sleep until `ow_out` or a due event."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack

import psycopg

from app.database.backoff import Backoff
from app.database.listener import Listener
from app.database.notifier import Notifier
from app.database.pool import open_pool
from app.handlers.delivery import Ids
from app.handlers.desk import Desk
from app.handlers.inbox import Inbox
from app.handlers.lane import Lane, Links, Surroundings
from app.handlers.links import AsyncAlchemyLink, AsyncLink, Limits, Link
from app.handlers.loading import load
from app.handlers.outgoing import Relay
from app.handlers.preflight import look
from app.handlers.queue import Whose, draw_ids
from app.handlers.registry import ConnectionKind, HandlersRefused, Registry
from app.handlers.sync_links import SyncAlchemyLink, SyncLink
from app.handlers.wishes import OUTGOING_CHANNEL
from app.settings import Settings

log = logging.getLogger(__name__)

CHANNEL = "ow_out"
TASKS_CHANNEL = "ow_conf"
# Every end signals ow_out, every delay has its time; this is the net.
LONGEST = 15.0
# What somebody else holds is not asked for without a pause.
SHORTEST = 0.05
DESK_TIMEOUT = 30.0
# Seconds of silence that a transaction may have beyond what a handler may take.
SLACK = 5.0
LINKS: dict[tuple[bool, ConnectionKind], type[AsyncLink | SyncLink]] = {
    (True, "psycopg"): AsyncLink,
    (True, "sqlalchemy"): AsyncAlchemyLink,
    (False, "psycopg"): SyncLink,
    (False, "sqlalchemy"): SyncAlchemyLink,
}


def prepare(settings: Settings) -> Registry:
    """What would run. Raises HandlersRefused where something is missing or contradicts."""
    if not settings.handler_database_url:
        raise HandlersRefused("set ONEWRITER_HANDLER_DATABASE_URL: result handlers need a login of their own")
    return load(settings.handlers)


async def run(settings: Settings, registry: Registry) -> None:
    """Until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_until(stop, settings, registry)


async def run_until(stop: asyncio.Event, settings: Settings, registry: Registry) -> None:
    """A transaction in flight may end within the grace; after that it is rolled back whole."""
    dsn = settings.handler_database_url
    assert dsn is not None
    async with AsyncExitStack() as stack:
        pool = await open_pool(
            dsn, max_size=4, application_name="onewriter handlers desk", statement_timeout=DESK_TIMEOUT
        )
        stack.push_async_callback(pool.close)
        notifier = await stack.enter_async_context(
            Notifier(dsn, application_name="onewriter handlers notify")
        )
        desk = Desk(pool)
        lanes: list[Lane | Relay] = [*_make_lanes(settings, registry, desk, notifier)]
        if settings.domain_database_url:
            relay = Relay(
                settings.domain_database_url, settings.environment, desk, desk.catalogue, notifier.notify
            )
            lanes.append(relay)
        wakes = [asyncio.Event() for _ in lanes]

        def wake() -> None:
            for event in wakes:
                event.set()

        def reconnected() -> None:
            desk.forget_tasks()
            wake()

        listener = Listener(
            dsn, {CHANNEL: wake, TASKS_CHANNEL: reconnected},
            on_reconnect=reconnected, application_name="onewriter handlers listen",
        )  # fmt: skip
        await stack.enter_async_context(listener)
        if settings.domain_database_url:
            await stack.enter_async_context(_listen_apart(settings.domain_database_url, wakes[-1]))
        log.info("%d handlers of %d pairs", len(registry.handlers), len(registry.pairs))
        work = [
            asyncio.create_task(_serve(lane, event, stop), name="handlers")
            for lane, event in zip(lanes, wakes, strict=True)
        ]
        work.append(asyncio.create_task(look(desk, settings, registry), name="preflight"))
        await stop.wait()
        wake()
        await _end(work, settings.shutdown_grace)


def _listen_apart(dsn: str, wake: asyncio.Event) -> Listener:
    return Listener(
        dsn, {OUTGOING_CHANNEL: wake.set}, on_reconnect=wake.set, application_name="onewriter relay listen"
    )


async def _serve(lane: Lane | Relay, wake: asyncio.Event, stop: asyncio.Event) -> None:
    """Until told to stop; an outage is told once, and what was in flight is done again."""
    backoff, healthy = Backoff(), True
    try:
        while not stop.is_set():
            wake.clear()
            try:
                while not stop.is_set() and await lane.turn():
                    pass
                pause = await lane.pause()
            except Exception as error:  # noqa: BLE001 (told below; one lane's defect must not end the others)
                if healthy:
                    _tell(error)
                healthy = False
                with contextlib.suppress(psycopg.Error, OSError):
                    await lane.close()
                await _sleep(stop, backoff.next())
                continue
            if not healthy:
                log.info("result handlers work again")
            healthy = True
            backoff.reset()
            await _sleep(wake, LONGEST if pause is None else min(max(pause, SHORTEST), LONGEST))
    finally:
        with contextlib.suppress(psycopg.Error, OSError):
            await lane.close()


def _tell(error: Exception) -> None:
    """A database that is away is no news; of a defect the trace is."""
    trace = None if isinstance(error, psycopg.Error | OSError) else error
    log.warning("result handlers wait, trying again: %s", str(error).split("\n")[0], exc_info=trace)


async def _sleep(wake: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()


async def _end(work: list[asyncio.Task[None]], grace: float) -> None:
    _, late = await asyncio.wait(work, timeout=grace)
    for task in late:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)


def _make_lanes(settings: Settings, registry: Registry, desk: Desk, notifier: Notifier) -> list[Lane]:
    loop = asyncio.get_running_loop()
    around = Surroundings(
        desk=desk,
        catalogue=desk.catalogue,
        ids=Ids(
            lambda many: draw_ids(desk, many),
            lambda drawn: asyncio.run_coroutine_threadsafe(drawn, loop).result(),
        ),
        signal=notifier.notify,
        attempts=settings.handler_attempts,
        patience=settings.handler_timeout,
    )
    return [
        Lane(
            Whose.of(settings.handlers_consumer, settings.environment, list(part.pairs)),
            part,
            _connecting(settings, LINKS[way]),
            around,
        )
        for way, part in registry.lanes().items()
    ]


def _connecting(settings: Settings, kind: type[AsyncLink | SyncLink]) -> Callable[[], Links]:
    """Where the domain is apart the queue's transaction is silent while handlers of many events run."""
    dsn, domain = settings.handler_database_url, settings.domain_database_url
    assert dsn is not None
    seconds = settings.handler_timeout
    limits = Limits(handler=seconds, idle=seconds + SLACK)

    def connect() -> Links:
        if not domain:
            link: Link = kind(dsn, limits)
            return Links(link, link)
        queue = AsyncLink(dsn, Limits(handler=seconds, idle=2 * seconds + 2 * SLACK))
        return Links(queue, kind(domain, limits), Inbox(settings.environment))

    return connect
