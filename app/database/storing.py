"""What the database refuses without a word of ours is told by what was tried, never by its SQL."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from app.database.sqlstates import translate
from app.errors import OnewriterError, StorageFailed, Unexpected


@contextmanager
def storing(operation: str, failed: type[OnewriterError] = StorageFailed) -> Iterator[None]:
    """Raises `failed` in place of what nobody expected; every other error goes on as it is."""
    try:
        yield
    except psycopg.Error as exc:
        if isinstance(translate(exc), Unexpected):
            raise failed(f"could not {operation}", facts={"operation": operation}) from exc
        raise
