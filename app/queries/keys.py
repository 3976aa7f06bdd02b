"""API keys, without what they open."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from app.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """`hash` is the sha256 of the token, in hex. Patterns: None is no limit. `rate` is per second."""

    id: int
    name: str
    prefix: str
    hash: str
    scopes: list[str]
    queues: list[str] | None
    tasks: list[str] | None
    expires_at: datetime | None
    created_at: datetime
    revoked_at: datetime | None
    rate: float | None = None
    burst: int | None = None


_KEYS = """
    select id, name, prefix, hash, scopes, queues, tasks, expires_at, created_at, revoked_at, rate, burst
      from server_api.api_key order by id"""


async def list_keys(conn: Connection) -> list[ApiKey]:
    async with conn.cursor(row_factory=class_row(ApiKey)) as cursor:
        return await (await cursor.execute(_KEYS)).fetchall()
