"""Result handlers in this process, over real connections: lanes as `onewriter handlers run` has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest

from app.handlers.consumer import run_until
from app.handlers.registry import ConnectionKind, Handler, Kind, OrderedBy, Pair, Registry
from app.settings import Settings
from tests.support.cluster import Database
from tests.support.consumer import publish
from tests.support.shop import Shop


@pytest.fixture
def shop(db: Database) -> Shop:
    return Shop(db)


def handler(
    function: Callable[[Any, Any], Any],
    task: str = "shop.order",
    event: str = "succeeded",
    *,
    batch: bool = False,
    ordered_by: OrderedBy = "job",
    connection: ConnectionKind = "psycopg",
) -> Handler:
    """As `@on` declares it, for this test alone."""
    is_async = asyncio.iscoroutinefunction(function)
    return Handler(Pair(task, event), Kind(is_async, connection, batch, ordered_by), function)


@asynccontextmanager
async def consuming(shop: Shop, *handlers: Handler, **settings: Any) -> AsyncIterator[Registry]:
    """Publishes the handlers and runs them."""
    registry = Registry(handlers)
    pairs = [
        {"task": pair.task, "event": pair.event, "ordered_by": some[0].kind.ordered_by, "handlers": []}
        for pair, some in registry.pairs.items()
    ]
    publish(shop.db, *pairs)
    apart = {} if shop.domain is shop.db else {"domain_database_url": shop.domain.dsn("handler")}
    ours = {"handler_database_url": shop.db.dsn("handler"), "handler_timeout": 5}
    given = Settings(**{**ours, **apart, **settings})
    stop = asyncio.Event()
    running = asyncio.create_task(run_until(stop, given, registry))
    try:
        yield registry
    finally:
        stop.set()
        await running


async def until(met: Callable[[], Any], timeout: float = 15, say: Callable[[], Any] = str) -> None:
    """Until the condition holds, looked at fifty times a second."""
    deadline = monotonic() + timeout
    while not met():
        assert monotonic() < deadline, say()
        await asyncio.sleep(0.02)
