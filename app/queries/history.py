"""Everything that happened to a job."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from app.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEvent:
    """One fact: who did what, when and why. `id` never changes; `cause` is why the job exists."""

    id: str
    type: str
    at: datetime
    actor: str | None
    attempt: int | None
    worker: str | None
    session: int | None
    reason: str | None
    cause: Any
    detail: Any


# At one instant a job is created before anything else, and a run starts before it ends.
_HISTORY = """
    select id, type, at, actor, attempt, worker, session, reason, cause, detail
      from server_api.history
     where job_id = %(job_id)s
       and (%(after)s::text is null or (at, place, id) > (
            select a.at, a.place, a.id from server_api.history as a
             where a.job_id = %(job_id)s and a.id = %(after)s))
     order by at, place, id limit %(limit)s"""


async def list_history(
    conn: Connection, *, job_id: int, after: str | None = None, limit: int | None = None
) -> list[HistoryEvent]:
    """In the order in which it happened, from behind the event `after`."""
    async with conn.cursor(row_factory=class_row(HistoryEvent)) as cursor:
        params = {"job_id": job_id, "after": after, "limit": limit}
        return await (await cursor.execute(_HISTORY, params)).fetchall()
