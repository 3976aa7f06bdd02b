"""Lost workers: takes each dead session, gives its jobs back, signals whoever may claim them."""

from __future__ import annotations

import logging

from app.database.calls import call
from app.database.pool import Connection
from app.scheduler.signals import notify

log = logging.getLogger(__name__)

# Without any session there is no next lease; a worker that opens one signals ow_sched, and this is the net.
LONGEST = 12.0
# A lease has ended only after its last moment.
_AFTER = 0.05


async def run_once(conn: Connection) -> float | None:
    """One dead session per transaction until none is left; seconds until the next lease can end."""
    while True:
        answer = await call(conn, "select server_api.rescue()")
        await notify(conn, answer["wake"])
        if answer["session"] is None:
            return None if answer["next"] is None else float(answer["next"]) + _AFTER
        log.warning(
            "session %s was lost: %s jobs given back, %s failed",
            answer["session"], answer["returned"], answer["failed"],
        )  # fmt: skip
