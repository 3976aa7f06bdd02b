"""The composition root of the API process."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from aiohttp import web
from alembic.script import ScriptDirectory

from app.commands.catalogue import Catalogue, make_catalogue
from app.commands.enqueue import Enqueuer
from app.database.listener import Listener
from app.database.notifier import Notifier
from app.database.pool import Pool, open_pool
from app.handlers.consumer import run_until
from app.handlers.registry import Registry
from app.http.cached import Cached
from app.http.hubs import Hubs
from app.http.keyring import Keyring, make_keyring
from app.http.measurements import Measurements
from app.http.openapi import make_openapi
from app.http.pages import onewriter_version
from app.http.rates import Buckets
from app.http.registry import add_routes
from app.http.requests import BATCH_BYTES
from app.http.routes import ROUTES
from app.http.services import OPENAPI, SERVICES, TRAFFIC, Services, lend
from app.http.traffic import Traffic
from app.http.watch import JobWatch, Seen
from app.queries.environment import Armed, read_armed
from app.queries.jobs import get_states
from app.queries.keys import list_keys
from app.queries.notes import list_marks
from app.queries.tasks import list_tasks
from app.schema.migrate import alembic_config
from app.settings import Settings

# A list with a filter that matches nothing may look at every job; it is cut off, not waited for.
STATEMENT_TIMEOUT = 10.0
SERVER: dict[str, Any] = {
    # Seconds a connection may stay without a whole request, its first included; more than proxies wait (60).
    "keepalive_timeout": 75.0,
    # aiohttp would unpack whatever comes, before anybody has looked at the key.
    "auto_decompress": False,
}
# Every request waits for the keys: when the database is away they are told soon.
PATIENCE = 2.0


def make_app(settings: Settings) -> web.Application:
    app = web.Application(client_max_size=BATCH_BYTES)
    app[TRAFFIC] = Traffic()
    app[OPENAPI] = make_openapi(ROUTES, version=onewriter_version())
    app.cleanup_ctx.append(_services(settings))
    app.on_shutdown.append(_stop)
    add_routes(app, ROUTES)
    return app


async def serve(
    settings: Settings, handlers: Registry | None = None, *, announce: Callable[[str], None]
) -> None:
    """Serves until SIGTERM or SIGINT, then lets open requests end; beside it the result handlers, if any."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    # A waiting request whose client has gone is cancelled and frees what it holds.
    runner = web.AppRunner(
        make_app(settings),
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=settings.shutdown_grace,
        **SERVER,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        host, port = runner.addresses[0][:2]
        announce(f"http://{host}:{port}")
        consuming = asyncio.create_task(run_until(stop, settings, handlers)) if handlers else None
        await stop.wait()
        if consuming is not None:
            await consuming
    finally:
        await runner.cleanup()


def expected_head() -> str | None:
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def _services(settings: Settings) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(app: web.Application) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app[SERVICES] = await _compose(settings, stack)
            yield

    return context


async def _stop(app: web.Application) -> None:
    services = app[SERVICES]
    services.stopping.set()
    services.watch.wake_all()
    services.hubs.close()


async def _compose(settings: Settings, stack: AsyncExitStack) -> Services:
    dsn = settings.database_url
    pool = await open_pool(
        dsn,
        max_size=settings.pool_size,
        application_name="onewriter api",
        statement_timeout=STATEMENT_TIMEOUT,
    )
    stack.push_async_callback(pool.close)
    notifier = await stack.enter_async_context(Notifier(dsn))
    enqueuer = Enqueuer(
        dsn,
        notifier,
        lanes=settings.enqueue_connections,
        backlog=settings.enqueue_backlog,
        environment=settings.environment,
    )
    enqueuer.start()
    stack.push_async_callback(enqueuer.close)
    watch = JobWatch(_read(pool, get_states))
    _background(stack, watch.run())
    hubs = Hubs(JobWatch(_read(pool, list_marks)), partial(lend, pool))
    _background(stack, hubs.run())
    keyring, catalogue, armed, listener = _cached(settings, pool, _each(watch.signal, hubs.signal))
    await stack.enter_async_context(listener)
    return Services(
        pool=pool,
        enqueuer=enqueuer,
        notifier=notifier,
        listener=listener,
        keyring=keyring,
        catalogue=catalogue,
        armed=armed,
        watch=watch,
        hubs=hubs,
        measurements=Measurements(pool),
        migration_head=expected_head(),
    )


def _cached(
    settings: Settings, pool: Pool, job_changed: Callable[[], None]
) -> tuple[Cached[Keyring], Cached[Catalogue], Cached[Armed], Listener]:
    """Keys, tasks, quarantine: kept current by the listener, which also wakes whoever watches a job."""

    buckets = Buckets(settings.rate_limit, settings.rate_burst)

    async def read_keys() -> Keyring:
        async with lend(pool, patience=PATIENCE) as conn:
            return make_keyring(await list_keys(conn), buckets)

    async def read_tasks() -> Catalogue:
        async with lend(pool, patience=PATIENCE) as conn:
            return make_catalogue(await list_tasks(conn))

    async def ask_armed() -> Armed:
        async with lend(pool, patience=PATIENCE) as conn:
            return await read_armed(conn, settings.environment)

    def changed() -> None:
        keyring.drop()
        catalogue.drop()
        armed.drop()

    def looked_away() -> None:
        changed()
        job_changed()

    listener = Listener(
        settings.database_url,
        {"ow_conf": changed, "ow_job": job_changed},
        on_reconnect=looked_away,
        on_lost=changed,
    )
    keyring = Cached(read_keys, lambda: listener.alive)
    catalogue = Cached(read_tasks, lambda: listener.alive)
    armed = Cached(ask_armed, lambda: listener.alive)
    return keyring, catalogue, armed, listener


def _read(
    pool: Pool, query: Callable[..., Awaitable[list[Seen]]]
) -> Callable[[Sequence[int]], Awaitable[list[Seen]]]:
    async def read(job_ids: Sequence[int]) -> list[Seen]:
        async with pool.connection() as conn:
            return await query(conn, job_ids=job_ids)

    return read


def _each(*calls: Callable[[], None]) -> Callable[[], None]:
    def call() -> None:
        for one in calls:
            one()

    return call


def _background(stack: AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)
