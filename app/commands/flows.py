"""Chains and groups go on: the next step, the callback, the end."""

from dataclasses import dataclass

from app.database.calls import call_object
from app.database.pool import Connection


@dataclass(frozen=True, slots=True)
class Advanced:
    """`last` end seen, if any; so many are `left` to flows that somebody holds. `wake`: after the commit."""

    last: int | None
    left: int
    wake: list[str]


async def advance_flows(conn: Connection, after: int) -> Advanced:
    """One bounded transaction, over the ends after this one. Raises psycopg errors."""
    answer = await call_object(conn, "select server_api.advance_flows(%s)", after)
    return Advanced(answer["last"], answer["left"], answer["wake"])
