"""One dedicated connection of the enqueue path, kept open, reopened when it broke."""

from collections.abc import Sequence

from app.database.direct import Direct

NAME = b"enqueue_many"
ENQUEUE_MANY = b"select server_api.enqueue_many($1)"
GUARD = b"require_armed"
REQUIRE_ARMED = b"select server_api.require_armed($1)"
NOTHING = b'{"ids":[]}'


class Lane:
    def __init__(self, dsn: str, environment: str) -> None:
        self._dsn = dsn
        self._environment = environment.encode()
        self._direct: Direct | None = None

    async def enqueue_many(self, jobs: bytes, signals: Sequence[bytes] = ()) -> bytes:
        """`signals` are NOTIFYs that follow the commit at once.

        Raises psycopg errors. After a lost connection nobody knows whether the call was committed.
        """
        direct = self._direct
        if direct is None or direct.broken:
            direct = await self._open()
        if signals:
            return await direct.run_prepared_then(NAME, [jobs], signals) or NOTHING
        return await direct.run_prepared(NAME, [jobs]) or NOTHING

    async def close(self) -> None:
        if self._direct is not None:
            direct, self._direct = self._direct, None
            await direct.close()

    async def _open(self) -> Direct:
        await self.close()
        direct = await Direct.connect(self._dsn, application_name="onewriter enqueue")
        try:
            # No connection outlives a restore: whoever begins one asks, and no enqueue has to.
            await direct.prepare(GUARD, REQUIRE_ARMED)
            await direct.run_prepared(GUARD, [self._environment])
            await direct.prepare(NAME, ENQUEUE_MANY)
        except BaseException:
            await direct.close()
            raise
        self._direct = direct
        return direct
