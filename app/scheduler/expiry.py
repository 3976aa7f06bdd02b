"""Jobs that nobody started in time fail with reason expired; a claim refuses them even before this looks."""

from __future__ import annotations

from app.database.calls import call
from app.database.pool import Connection
from app.scheduler.signals import notify

LONGEST = 45.0
# Jobs that expire one after the other are taken together.
SHORTEST = 1.0


async def run_once(conn: Connection) -> float | None:
    """Bounded batches until none is late; seconds until the next job expires."""
    while True:
        answer = await call(conn, "select server_api.expire()")
        await notify(conn, answer["wake"])
        if not answer["expired"]:
            return None if answer["next"] is None else max(float(answer["next"]), SHORTEST)
