"""`onewriter scheduler`."""

from __future__ import annotations

import asyncio
import logging

import rich_click as click

from app.scheduler.main import run
from app.settings import Settings


@click.command
def scheduler() -> None:
    """Fire schedules, advance flows, make webhooks' deliveries, rescue lost work, expire and prune.

    Of several processes one leads.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(run(Settings()))
