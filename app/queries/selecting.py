"""Rows of the API's views as frozen dataclasses whose fields are the columns' names."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, LiteralString, TypeVar

from psycopg import sql
from psycopg.rows import class_row

from app.database.pool import Connection

T = TypeVar("T")


async def select(
    conn: Connection, shape: type[T], view: LiteralString, where: LiteralString, params: Mapping[str, Any]
) -> list[T]:
    """`view` is one of server_api's; `where` may go on with an order and a limit. Raises psycopg errors."""
    names = [sql.Identifier(field.name) for field in fields(shape)]  # type: ignore[arg-type]
    statement = sql.SQL("select {} from server_api.{} where {}").format(
        sql.SQL(", ").join(names), sql.Identifier(view), sql.SQL(where)
    )
    async with conn.cursor(row_factory=class_row(shape)) as cursor:
        return await (await cursor.execute(statement, params)).fetchall()
