"""Handlers of the tests with real processes; at each step a test may have this process killed, once."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from app.database.notifier import Notifier
from app.handlers import Event, enqueue, lane, on
from tests.support.shop import note

KILLS = Path(os.environ.get("SHOP_KILLS", "/nowhere"))


def stumble(step: str) -> None:
    """kill -9 of ourselves, if the test has left a file of this name; it is used up by that."""
    try:
        (KILLS / step).unlink()
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


@on("shop.order", "succeeded", ordered_by="key")
async def order(conn: Any, event: Event) -> None:
    stumble("handler")
    await conn.execute(*note(event))
    await enqueue(conn, "shop.mail", to="acme")
    stumble("written")


@on("shop.poison", "succeeded")
async def poison(conn: Any, event: Event) -> None:
    """Always takes its process along."""
    os.kill(os.getpid(), signal.SIGKILL)


_acknowledge, _notify = lane.acknowledge, Notifier.notify


async def acknowledge(conn: Any, follow: dict[int, list[Any]]) -> Any:
    """Where the domain is apart, its commit lies behind it and the queue's before it."""
    stumble("between")
    return await _acknowledge(conn, follow)


def notify(self: Notifier, channels: Iterable[str]) -> None:
    """The first signal comes after the first commit."""
    stumble("committed")
    _notify(self, channels)


lane.acknowledge = acknowledge
Notifier.notify = notify  # type: ignore[method-assign]
