"""Tasks of flows: what they get from the one before them is all that they know."""

from typing import Any

from procrastinate import Blueprint

flow = Blueprint()


@flow.task(name="begin")
async def begin(members: int) -> int:
    return members


@flow.task(name="add")
async def add(n: int, last: int = 0) -> int:
    return n + last


@flow.task(name="total")
async def total(parts: list[dict[str, Any]]) -> int:
    return sum(part["result"] for part in parts)
