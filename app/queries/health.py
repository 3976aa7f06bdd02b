"""What readiness asks the database."""

from app.database.pool import Connection


async def migration_head(conn: Connection) -> str | None:
    """The revision the database is at."""
    cursor = await conn.execute("select version_num from server_api.migration")
    row = await cursor.fetchone()
    return row[0] if row else None


async def scheduler_state(conn: Connection) -> str:
    """ok, disabled (it leads and fires no schedules) or nobody leads."""
    cursor = await conn.execute("select server_api.scheduler_state()")
    row = await cursor.fetchone()
    assert row is not None
    return str(row[0])
