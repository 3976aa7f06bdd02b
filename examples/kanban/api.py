"""The board's own HTTP API: the only writer of tasks, hints and their events, beside the handlers."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import psycopg
from aiohttp import web
from psycopg_pool import AsyncConnectionPool

from examples.kanban import board

POOL = web.AppKey("pool", AsyncConnectionPool[board.Conn])
ONEWRITER = web.AppKey("onewriter", aiohttp.ClientSession)
routes = web.RouteTableDef()


def make_app(database_url: str) -> web.Application:
    app = web.Application(middlewares=[_problems])
    app.add_routes(routes)
    app.cleanup_ctx.append(_resources(database_url))
    return app


@routes.post("/boards")
async def post_board(request: web.Request) -> web.Response:
    """{"name", "columns": [{"name", "wip_limit"}], "rules": [{"word", "field", "value", "apply_above"}]}"""
    wish = await request.json()
    async with request.app[POOL].connection() as conn:
        made = await board.create_board(conn, wish["name"], wish["columns"], wish["rules"])
    return web.json_response(made, status=201)


@routes.get("/boards/{board}")
async def get_board(request: web.Request) -> web.Response:
    async with request.app[POOL].connection() as conn:
        return web.json_response(await board.show_board(conn, int(request.match_info["board"])))


@routes.post("/columns/{column}/tasks")
async def post_task(request: web.Request) -> web.Response:
    """{"title"}; 409 where the column is full."""
    title = (await request.json())["title"]
    async with request.app[POOL].connection() as conn:
        task = await board.create_task(conn, int(request.match_info["column"]), title, _actor(request))
    return web.json_response({"id": task}, status=201)


@routes.post("/tasks/{task}/move")
async def post_move(request: web.Request) -> web.Response:
    """{"column"}; 409 where it is full."""
    column = (await request.json())["column"]
    async with request.app[POOL].connection() as conn:
        await board.move_task(conn, int(request.match_info["task"]), column, _actor(request))
    return web.json_response({})


@routes.post("/hints/{hint}/{verb:apply|reject}")
async def post_decision(request: web.Request) -> web.Response:
    """409 unless it is a draft."""
    decide = board.apply_hint if request.match_info["verb"] == "apply" else board.reject_hint
    async with request.app[POOL].connection() as conn:
        await decide(conn, int(request.match_info["hint"]), _actor(request))
    return web.json_response({})


@routes.post("/actions/{token}")
async def post_action(request: web.Request) -> web.Response:
    """What the page behind the mail's link sends: a GET would be used up by a mail scanner."""
    async with request.app[POOL].connection() as conn:
        await board.use_token(conn, request.match_info["token"])
    return web.json_response({"applied": True})


@routes.post("/columns/{column}/templates")
async def post_template(request: web.Request) -> web.Response:
    """{"title", "cron"}: a task again and again. Its clock is a schedule of onewriter's."""
    wish = await request.json()
    async with request.app[POOL].connection() as conn:
        template = await board.create_template(
            conn, int(request.match_info["column"]), wish["title"], wish["cron"]
        )
        # Before the commit: a template without its clock would be silent for ever; a clock without its
        # template makes nothing.
        name = f"kanban-template-{template['id']}"
        await _put_schedule(request.app[ONEWRITER], name, template)
    return web.json_response({"id": template["id"], "schedule": name}, status=201)


@routes.delete("/templates/{template}")
async def delete_template(request: web.Request) -> web.Response:
    """First its clock: may be repeated."""
    template = int(request.match_info["template"])
    async with request.app[ONEWRITER].delete(f"/v1/schedules/kanban-template-{template}") as answer:
        if answer.status not in (204, 404):
            raise board.Refused(await answer.text())
    async with request.app[POOL].connection() as conn:
        await board.delete_template(conn, template)
    return web.json_response({})


async def _put_schedule(session: aiohttp.ClientSession, name: str, template: dict[str, Any]) -> None:
    args = {"template": template["id"], "title": template["title"]}
    target = {"task": "kanban.recur"}
    definition = {"cron": template["cron"], "target": target, "args": args, "timestamp": True}
    async with session.put(f"/v1/schedules/{name}", json=definition) as answer:
        if answer.status >= 400:
            raise board.Refused(await answer.text())


def _actor(request: web.Request) -> str:
    """Whoever says so: how people sign in is not this example's matter."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ") or "somebody"


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except board.Refused as refused:
        return web.json_response({"detail": str(refused)}, status=409)
    except (KeyError, ValueError, psycopg.IntegrityError) as wrong:
        return web.json_response({"detail": f"not like that: {wrong}"}, status=422)


def _resources(database_url: str) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(app: web.Application) -> AsyncIterator[None]:
        headers = {"Authorization": f"Bearer {os.environ['ONEWRITER_API_KEY']}"}
        async with (
            AsyncConnectionPool(database_url, open=False, max_size=4) as app[POOL],
            aiohttp.ClientSession(os.environ["ONEWRITER_URL"], headers=headers) as app[ONEWRITER],
        ):
            yield

    return context


async def serve() -> None:
    runner = web.AppRunner(make_app(os.environ["KANBAN_DATABASE_URL"]))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    sys.stdout.write(f"serving on http://{host}:{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
