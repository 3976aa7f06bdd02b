"""The team's own API: GET /products/{id}, for who has the key. It owns the schema `shop`."""

import asyncio
import hmac
import os
import sys

import psycopg
from aiohttp import web
from psycopg.rows import dict_row

SCHEMA = """
create schema shop;
create table shop.product (
    id bigint generated always as identity primary key,
    title text not null,
    cents integer not null check (cents > 0));
insert into shop.product (title, cents) values ('Tea', 450), ('Coffee', 790)"""


async def product(request: web.Request) -> web.Response:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), os.environ["SHOP_KEY"].encode()):
        raise web.HTTPUnauthorized
    async with await psycopg.AsyncConnection.connect(os.environ["SHOP_DATABASE_URL"]) as conn:
        cursor = conn.cursor(row_factory=dict_row)
        query = "select id, title, cents from shop.product where id = %s"
        row = await (await cursor.execute(query, [int(request.match_info["id"])])).fetchone()
    if row is None:
        raise web.HTTPNotFound
    return web.json_response(row)


async def serve() -> None:
    app = web.Application()
    app.add_routes([web.get(r"/products/{id:\d+}", product)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    sys.stdout.write(f"serving on http://{host}:{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
