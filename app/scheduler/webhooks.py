"""Webhooks: makes of what has ended the jobs that tell of it, and disables endpoints that are gone."""

from __future__ import annotations

import logging

from app.commands.webhooks import deliver_webhooks
from app.database.pool import Connection
from app.scheduler.signals import notify

log = logging.getLogger(__name__)

CHANNEL = "ow_hook"
# Every end that somebody wants to hear of signals it; this is the net.
LONGEST = 3600.0


async def run_once(conn: Connection) -> float | None:
    """Bounded batches until no end is left; seconds until a replaced secret's day is over."""
    while True:
        done = await deliver_webhooks(conn)
        await notify(conn, done.wake)
        for name in done.disabled:
            log.warning("the webhook %s is disabled: its endpoint does not take messages any more", name)
        if not done.taken:
            return done.next
