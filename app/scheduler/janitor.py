"""The boundary for workers' transactions: past a limit their backends are ended, whatever they have SET."""

from __future__ import annotations

import logging
from collections import Counter

from app.database.calls import call
from app.database.pool import Connection, connect

log = logging.getLogger(__name__)

# Without any worker's connection there is nothing to end; one that opens a session signals ow_sched.
LONGEST = 15.0


class Janitor:
    """Works over a login of its own, which may do this and nothing else."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._conn: Connection | None = None

    async def run_once(self, _lead: Connection) -> float | None:
        """Seconds until a limit can be passed, None while no worker is connected. The leader alone runs."""
        answer = await call(await self._connected(), "select server_api.end_overlong()")
        ended = Counter((item["login"], item["rule"]) for item in answer["ended"])
        for (login, rule), count in ended.items():
            log.warning("ended %s backends of %s: past the limit of a %s", count, login, rule)
        return None if answer["next"] is None else float(answer["next"])

    async def close(self) -> None:
        if self._conn is not None:
            await self._conn.close()

    async def _connected(self) -> Connection:
        if self._conn is None or self._conn.closed:
            self._conn = await connect(self._dsn, application_name="onewriter janitor")
        return self._conn
