"""What the database said of itself lately: one read at a time, and none while the last one is fresh."""

import asyncio
import logging
from time import monotonic

import psycopg

from app.database.pool import Pool
from app.queries.metrics import Measured, measure

log = logging.getLogger(__name__)

# However many ask, and however often.
FRESH = 5.0
PATIENCE = 8.0


class Measurements:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._reading = asyncio.Lock()
        self._last: Measured | None = None
        self._until = 0.0

    async def get(self) -> Measured | None:
        """None where the database can't be asked."""
        async with self._reading:
            if monotonic() >= self._until:
                self._last = await self._read()
                self._until = monotonic() + FRESH
            return self._last

    async def _read(self) -> Measured | None:
        try:
            async with asyncio.timeout(PATIENCE), self._pool.connection() as conn:
                return await measure(conn)
        except (psycopg.Error, OSError, TimeoutError) as exc:
            log.warning("the database was not measured: %s", type(exc).__name__)
            return None
