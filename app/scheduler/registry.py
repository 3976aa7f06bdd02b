"""The registry's three transitions: each looks when something can have changed, at most once an interval."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from time import monotonic

from app.commands.workers import Checked, activate_pending, reactivate_offline, retire_stale
from app.database.pool import Connection
from app.scheduler.loop import Loop
from app.settings import Settings

log = logging.getLogger(__name__)

ACTOR = "scheduler"
# Heartbeats over HTTP, sessions that open and changes by hand signal ow_sched; this is the net.
LONGEST = 600.0

Transition = Callable[[Connection], Awaitable[Checked]]


class Check:
    """One transition; signals between two looks cost no statement."""

    def __init__(self, says: str, transition: Transition, interval: float) -> None:
        self._says = says
        self._transition = transition
        self._interval = interval
        self._last = float("-inf")

    async def run_once(self, conn: Connection) -> float | None:
        """Seconds until the next look; None where nothing can change without a signal."""
        early = self._last + self._interval - monotonic()
        if early > 0:
            return early
        checked = await self._transition(conn)
        self._last = monotonic()
        for name in checked.moved:
            log.info("worker %s %s", name, self._says)
        return None if checked.next is None else max(checked.next, self._interval)


def make_checks(settings: Settings) -> list[Loop]:
    after = timedelta(seconds=settings.stale_after)
    checks = {
        "activation": Check(
            "is active", partial(activate_pending, actor=ACTOR), settings.activation_interval
        ),
        "staleness": Check(
            "is offline", partial(retire_stale, actor=ACTOR, after=after), settings.stale_interval
        ),
        "reactivation": Check(
            "is active again", partial(reactivate_offline, actor=ACTOR), settings.reactivation_interval
        ),
    }
    return [Loop(name, check.run_once, LONGEST) for name, check in checks.items()]
