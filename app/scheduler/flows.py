"""Flows: whenever members have ended, starts what is next; sleeps until somebody tells of an end."""

from __future__ import annotations

from functools import partial

from app.commands.flows import advance_flows
from app.database.pool import Connection
from app.database.repeat import repeated
from app.scheduler.signals import notify

CHANNEL = "ow_flow"
# Every end of a flow's job signals it; this is the net.
LONGEST = 60.0
# Ends that come one after the other are taken together; a step does not wait longer than this for its turn.
GAP = 0.02
# Seconds until the next look at a flow that somebody held.
HELD = 1.0


async def run_once(conn: Connection) -> float | None:
    """Bounded transactions over all ends, each once; None if nothing is left."""
    after = left = 0
    while True:
        advanced = await repeated(partial(advance_flows, conn, after))
        await notify(conn, advanced.wake)
        left += advanced.left
        if advanced.last is None:
            return HELD if left else None
        after = advanced.last
