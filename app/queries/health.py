"""What readiness asks the database."""

from app.database.pool import Connection


async def migration_head(conn: Connection) -> str | None:
    """The revision the database is at."""
    cursor = await conn.execute("select version_num from server_api.migration")
    row = await cursor.fetchone()
    return row[0] if row else None
