"""Secrets by name; no query reads a value."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from app.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """`tasks` are patterns with * and ?; `logins` None is every worker."""

    name: str
    tasks: list[str]
    logins: list[str] | None
    created_at: datetime
    updated_at: datetime
    updated_by: str


_SECRETS = """
    select name, tasks, logins, created_at, updated_at, updated_by from server_api.secret order by name"""


async def list_secrets(conn: Connection) -> list[Secret]:
    async with conn.cursor(row_factory=class_row(Secret)) as cursor:
        return await (await cursor.execute(_SECRETS)).fetchall()
