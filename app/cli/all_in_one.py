"""`onewriter serve --all-in-one`: what must be there before anything starts, and the supervisor."""

from __future__ import annotations

import asyncio
import logging

import rich_click as click

from app.settings import Settings
from app.supervisor import programs
from app.supervisor.main import supervise

# Beyond the worker's graces: seconds to give its jobs back, and for the others to end.
SETTLING = 5.0


def run_all(settings: Settings, *, queues: str | None, concurrency: int | None) -> int:
    """The exit code. Raises UsageError where a login is missing."""
    if not settings.worker_database_url:
        raise click.UsageError("set ONEWRITER_WORKER_DATABASE_URL: a worker needs a login of its own")
    logging.basicConfig(level=logging.INFO, format="onewriter | %(asctime)s %(levelname)s: %(message)s")
    worker = programs.worker(settings, queues=queues, concurrency=concurrency)
    grace = settings.shutdown_grace + settings.timeout_grace + SETTLING
    return asyncio.run(supervise([worker, programs.scheduler(), programs.api(settings)], grace=grace))
