"""`sleep`: waits, and can be aborted."""

from __future__ import annotations

import asyncio

from worker.main import app


@app.task(name="sleep")
async def sleep(seconds: float = 1.0) -> dict[str, float]:
    """Waits for this many seconds."""
    await asyncio.sleep(seconds)
    return {"slept": seconds}
