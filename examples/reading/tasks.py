"""One question, answered from three places; and a task that tries to write."""

import asyncio
import os
from typing import Any

import aiohttp
import psycopg
from procrastinate import Blueprint
from psycopg.rows import dict_row

reading = Blueprint()

PRODUCT = "select title, cents from shop.product where id = %s"
MEDDLING = (
    "set transaction_read_only = off",
    "insert into shop.product (title, cents) values ('mine', 1)",
    "update shop.product set cents = 0",
    "delete from shop.product",
    "truncate shop.product",
    "select nextval('shop.product_id_seq')",
    "select * from shop.product for update",
    "create table shop.mine ()",
    "set role onewriter_handler",
)


@reading.task(name="carried")
async def carried(product: dict[str, Any]) -> str:
    """It came with the job, as it was when the job was enqueued."""
    return label(product)


@reading.task(name="asked")
async def asked(url: str, key: str, product: int) -> str:
    """Over HTTP, as it is now; the key is a secret that the job only names."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(url, headers=headers, raise_for_status=True) as session,
        session.get(f"/products/{product}") as answer,
    ):
        return label(await answer.json())


@reading.task(name="looked_up")
async def looked_up(where: str, product: int, since: str | None = None) -> str:
    """From the database itself; `since` is what a standby must have replayed (an LSN of the primary's)."""
    async with await connect(where) as conn:
        if since is not None:
            await asyncio.wait_for(replayed(conn, since), 10)
        row = await (await conn.execute(PRODUCT, [product])).fetchone()
    if row is None:
        raise LookupError(f"there is no product {product}")
    return label(row)


@reading.task(name="meddle")
async def meddle(where: str) -> list[list[str]]:
    """Each attempt, and what PostgreSQL said."""
    said = []
    async with await connect(where) as conn:
        for attempt in MEDDLING:
            try:
                await conn.execute(attempt)
                said.append([attempt, "done"])
            except psycopg.Error as error:
                said.append([attempt, str(error).splitlines()[0]])
    return said


def label(product: dict[str, Any]) -> str:
    return f"{product['title']}, {product['cents'] / 100:.2f}"


async def connect(where: str) -> psycopg.AsyncConnection[dict[str, Any]]:
    """EXAMPLE_READ_PRIMARY or EXAMPLE_READ_STANDBY: beside the queue's login, which stays on its primary."""
    dsn = os.environ[f"EXAMPLE_READ_{where.upper()}"]
    return await psycopg.AsyncConnection.connect(dsn, autocommit=True, row_factory=dict_row)


async def replayed(conn: psycopg.AsyncConnection[Any], lsn: str) -> None:
    """Until the standby has what its primary had at that point."""
    query = "select pg_last_wal_replay_lsn() >= %s::pg_lsn as there"
    # A standby tells nobody how far it is.
    while await (await conn.execute(query, [lsn])).fetchone() != {"there": True}:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
