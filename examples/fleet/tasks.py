"""The one task of the fleet."""

import asyncio

from procrastinate import Blueprint

parcels = Blueprint()


@parcels.task(name="sort", queue="parcels")
async def sort(number: int, seconds: float) -> str:
    """Takes a while, so that a worker can be killed in the middle of it."""
    await asyncio.sleep(seconds)
    return f"parcel {number} lies in bay {number % 7}"
