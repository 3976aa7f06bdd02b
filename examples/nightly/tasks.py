"""Four tasks of a small shop; three of them belong to the night."""

import asyncio
from typing import Any

from procrastinate import Blueprint

from worker.groups import group

shop = Blueprint()


@group("nightly")
@shop.task(name="backup", queue="nightly")
async def backup() -> dict[str, Any]:
    """Copies what came in today."""
    await asyncio.sleep(0.2)
    return {"files": 128}


@group("nightly")
@shop.task(name="figures", queue="nightly")
async def figures() -> dict[str, Any]:
    """The figures for the morning."""
    await asyncio.sleep(0.1)
    return {"orders": 42}


@group("nightly")
@shop.task(name="letters", queue="nightly")
async def letters() -> None:
    """Fails: this shop's mail server is down. The others of its group go on."""
    raise ConnectionError("the mail server is down")


@shop.task(name="stocktaking", queue="nightly")
async def stocktaking() -> None:
    """In no group: no schedule of a group ever runs it."""


@shop.task(name="tick", queue="nightly")
async def tick(timestamp: int) -> int:
    """What the short nights of the outage run; the planned time comes with the job."""
    return timestamp
