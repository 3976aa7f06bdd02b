"""`echo`: returns its arguments."""

from __future__ import annotations

from typing import Any

from worker.main import app


@app.task(name="echo")
async def echo(**args: Any) -> dict[str, Any]:
    """Returns its arguments."""
    return args
