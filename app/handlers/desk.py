"""What the consumer asks outside of handlers' transactions; each statement is one of its own."""

from __future__ import annotations

from typing import Any

from app.commands.catalogue import Catalogue, make_catalogue
from app.database.pool import Pool
from app.queries.tasks import list_tasks


class Desk:
    """The tasks are read when a handler is to be called, and again only when they may have changed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._catalogue: Catalogue = {}
        self._generation, self._read = 1, 0

    async def fetch(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as conn:
            cursor = await conn.execute(query.encode(), params)
            return await cursor.fetchall()

    def forget_tasks(self) -> None:
        """They may be others now."""
        self._generation += 1

    async def catalogue(self) -> Catalogue:
        generation = self._generation
        if self._read != generation:
            async with self._pool.connection() as conn:
                self._catalogue = make_catalogue(await list_tasks(conn))
            self._read = generation  # what changed meanwhile is read again
        return self._catalogue
