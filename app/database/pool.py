"""Connections: a pool for reads and verbs, and single direct ones for LISTEN, NOTIFY and the enqueue path."""

from typing import Any

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

Connection = AsyncConnection[Any]
RECONNECT_TIMEOUT = 1.0
Pool = AsyncConnectionPool[Connection]

# A peer that vanished without a word is noticed within about half a minute: an idle one by keepalives, one
# that owes an acknowledgement by the last line (the kernel would send again for a quarter of an hour).
DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}


def conninfo(dsn: str, *, application_name: str) -> str:
    """The DSN with our defaults under what it says itself."""
    given = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    return make_conninfo(**{**DEFAULTS, "application_name": application_name, **given})


async def connect(dsn: str, *, application_name: str = "onewriter") -> Connection:
    """A direct connection in autocommit; the caller closes it."""
    return await AsyncConnection.connect(conninfo(dsn, application_name=application_name), autocommit=True)


async def open_pool(
    dsn: str,
    *,
    min_size: int = 1,
    max_size: int = 8,
    application_name: str = "onewriter",
    lend_timeout: float = 5.0,
    statement_timeout: float | None = None,
) -> Pool:
    """An open pool of autocommit connections; does not wait for the database, which may still be away.

    A connection is checked before it is lent, so that a restarted server costs no caller an error.
    """

    async def configure(conn: Connection) -> None:
        if statement_timeout is not None:
            limit = f"{int(statement_timeout * 1000)}ms"
            await conn.execute("select set_config('statement_timeout', %s, false)", (limit,))

    pool: Pool = AsyncConnectionPool(
        conninfo(dsn, application_name=application_name),
        min_size=min_size,
        max_size=max_size,
        timeout=lend_timeout,
        kwargs={"autocommit": True},
        configure=configure,
        check=AsyncConnectionPool.check_connection,
        # Its own backoff would grow to minutes; given up early, the next borrower tries at once.
        reconnect_timeout=RECONNECT_TIMEOUT,
        open=False,
    )
    await pool.open()
    return pool
