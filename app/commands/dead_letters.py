"""Dead letters: tried again as if new, or given up for good; the SQL functions decide."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.database.calls import call_object
from app.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Which ones of a consumer: these, or all; of a task, or all."""

    consumer: str
    ids: Sequence[int] | None = None
    task: str | None = None


async def replay_events(
    conn: Connection, letters: Letters, *, actor: str, reason: str, request_id: str | None = None
) -> int:
    """How many its consumer will try again. Audited. Raises OWS01 where it subscribes to none of them."""
    return await _operate(conn, "replay", letters, actor, reason, request_id)


async def discard_events(
    conn: Connection, letters: Letters, *, actor: str, reason: str, request_id: str | None = None
) -> int:
    """How many are gone; what they told of is handled by nobody. Audited."""
    return await _operate(conn, "discard", letters, actor, reason, request_id)


async def _operate(
    conn: Connection, verb: str, letters: Letters, actor: str, reason: str, request_id: str | None
) -> int:
    query = f"select server_api.{verb}_events(%s, %s::bigint[], %s, %s, %s, %s)"
    ids = None if letters.ids is None else list(letters.ids)
    answer = await call_object(conn, query, letters.consumer, ids, letters.task, actor, reason, request_id)
    (count,) = answer.values()
    return int(count)
