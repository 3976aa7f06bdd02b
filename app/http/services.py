"""What handlers work with: one value, made by the composition root."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from aiohttp import web
from psycopg.types.json import set_json_loads

from app.commands.catalogue import Catalogue
from app.commands.enqueue import Enqueuer
from app.database.listener import Listener
from app.database.notifier import Notifier
from app.database.pool import Connection, Pool
from app.http.cached import Cached
from app.http.hubs import Hubs
from app.http.keyring import Keyring
from app.http.measurements import Measurements
from app.http.traffic import Traffic
from app.http.watch import JobWatch
from app.queries.environment import Armed
from app.queries.jobs import State


@dataclass(frozen=True, slots=True)
class Services:
    """`stopping` is set when the process has been told to end: streams close, readiness turns red."""

    pool: Pool
    enqueuer: Enqueuer
    notifier: Notifier
    listener: Listener
    keyring: Cached[Keyring]
    catalogue: Cached[Catalogue]
    armed: Cached[Armed]
    watch: JobWatch[State]
    hubs: Hubs
    measurements: Measurements
    migration_head: str | None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with lend(self.pool) as conn:
            yield conn


SERVICES = web.AppKey("services", Services)
TRAFFIC = web.AppKey("traffic", Traffic)
OPENAPI = web.AppKey("openapi", bytes)


@asynccontextmanager
async def lend(pool: Pool, *, patience: float | None = None) -> AsyncIterator[Connection]:
    """A pooled connection whose JSON columns stay as the database wrote them, every digit of them."""
    async with pool.connection(timeout=patience) as conn:
        set_json_loads(_raw, conn)
        yield conn


def _raw(text: str | bytes) -> msgspec.Raw:
    return msgspec.Raw(text)
