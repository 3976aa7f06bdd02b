"""The runs of a job that ended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from app.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run that ended. `attempt` counts from 1; status is succeeded, failed, aborted, retried or lost."""

    attempt: int
    status: str
    reason: str | None
    worker: str | None
    started_at: datetime | None
    finished_at: datetime | None
    result: Any
    error: str | None


_ATTEMPTS = """
    select attempt, status, reason, worker, started_at, finished_at, result, error
      from server_api.attempt where job_id = %s order by claim_no"""


async def list_attempts(conn: Connection, *, job_id: int) -> list[Attempt]:
    async with conn.cursor(row_factory=class_row(Attempt)) as cursor:
        return await (await cursor.execute(_ATTEMPTS, (job_id,))).fetchall()
