"""Tasks whose arguments are of every kind that a team would write."""

from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

from procrastinate import Blueprint, RetryStrategy
from procrastinate.job_context import JobContext
from pydantic import BaseModel, Field

shop = Blueprint()


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Line(BaseModel):
    article: str
    count: Annotated[int, Field(ge=1, le=99)] = 1


@shop.task(name="order", queue="shop", priority=2, lock="till", retry=RetryStrategy(max_attempts=4, wait=2))
async def order(number: int, lines: list[Line], colour: Colour = Colour.RED, note: str | None = None) -> None:
    """Takes an order."""


@shop.task(name="report", pass_context=True)
async def report(context: JobContext, day: date, kind: Literal["short", "long"] = "short") -> None: ...


@shop.task(name="anything")
async def anything(**given: Any) -> None: ...


@shop.task(name="untyped")
def untyped(a, b=2): ...  # type: ignore[no-untyped-def]


@shop.task(name="mapping", aliases=["shop.old_mapping"])
async def mapping(rates: dict[str, float], flag: bool, _hidden: int = 0) -> None: ...
