"""The catalogue of published tasks."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from app.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A published task. `schema` is the JSON Schema of its arguments, `max_attempts` counts runs.

    A schedule may have its `group` as a target; each of `events` makes a job of it.
    """

    name: str
    source: str
    description: str | None
    queue: str | None
    priority: int | None
    lock: str | None
    queueing_lock: str | None
    schema: Any
    retry: Any
    timeout: float | None
    max_attempts: int | None
    group: str | None
    aliases: list[str]
    events: list[str]
    published_at: datetime


_TASKS = """
    select name, source, description, queue, priority, lock, queueing_lock, schema, retry, timeout,
           max_attempts, "group", aliases, events, published_at
      from server_api.task order by name"""


async def list_tasks(conn: Connection) -> list[Task]:
    async with conn.cursor(row_factory=class_row(Task)) as cursor:
        return await (await cursor.execute(_TASKS)).fetchall()
