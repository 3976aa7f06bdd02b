"""Answers kept for an Idempotency-Key are forgotten after their 24 hours."""

from __future__ import annotations

from app.database.pool import Connection
from app.scheduler.signals import call

LONGEST = 3600.0


async def run_once(conn: Connection) -> float | None:
    """Bounded batches until none is left; nothing is urgent here."""
    while await call(conn, "select server_api.forget_idempotency()"):
        pass
    return None
