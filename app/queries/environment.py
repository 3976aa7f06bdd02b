"""Whether the database is armed for this process."""

from dataclasses import dataclass

import psycopg

from app.database.pool import Connection
from app.database.sqlstates import QUARANTINED


@dataclass(frozen=True, slots=True)
class Armed:
    """`refusal` is the database's own sentence, empty where jobs may run."""

    refusal: str


async def read_armed(conn: Connection, environment: str) -> Armed:
    try:
        await conn.execute("select server_api.require_armed(%s)", [environment])
    except psycopg.Error as exc:
        if exc.sqlstate not in QUARANTINED:
            raise
        return Armed(exc.diag.message_primary or "quarantined")
    return Armed("")
