"""Secrets: written and deleted here, read by nobody but a granted worker."""

from collections.abc import Sequence

from app.database.calls import call
from app.database.pool import Connection


async def set_secret(
    conn: Connection, *, name: str, value: str, tasks: Sequence[str], logins: Sequence[str] | None, actor: str
) -> bool:
    """Whether it is a new one. `tasks` are patterns; `logins` None is every worker. Raises OWV01."""
    query = "select server_api.set_secret(%s, %s, %s, %s, %s)"
    given = None if logins is None else list(logins)
    return bool(await call(conn, query, name, value, list(tasks), given, actor))


async def remove_secret(conn: Connection, *, name: str, actor: str) -> None:
    """Jobs that name it fail from now on. Raises OWN02."""
    await conn.execute("select server_api.remove_secret(%s, %s)", (name, actor))
