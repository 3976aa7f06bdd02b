"""The team's own API and page. It holds onewriter's key; a browser gets a token for the stream of one job."""

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

TASK = "mediastream.generate"
MOST_WORDS = 5_000
FILES = Path(__file__).parent / "page"
# Where onewriter's API is; a key for this task alone; how long a token may open a stream.
API = os.environ.get("MEDIASTREAM_API", "http://127.0.0.1:8080")
KEY = os.environ.get("MEDIASTREAM_KEY", "")
TOKEN_SECONDS = int(os.environ.get("MEDIASTREAM_TOKEN_SECONDS", "60"))
HEADERS = {
    # Nothing but the page's own files, and streams straight from onewriter's API.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    f"connect-src 'self' {API}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    # The page's address is what opens a generation: it goes to nobody else.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
SESSION = web.AppKey("session", aiohttp.ClientSession)
routes = web.RouteTableDef()


@routes.get("/")
@routes.get("/g/{handle}")
async def page(request: web.Request) -> web.FileResponse:  # noqa: ARG001 (the page reads its address itself)
    return web.FileResponse(FILES / "page.html")


@routes.get("/{name:page\\.(?:js|css)}")
async def part(request: web.Request) -> web.FileResponse:
    return web.FileResponse(FILES / request.match_info["name"])


@routes.post("/generations")
async def begin(request: web.Request) -> web.Response:
    """201 with a handle that nobody can guess: whoever knows it may read the generation and cancel it."""
    prompt, words = await _asked(request)
    handle = secrets.token_urlsafe(16)
    args = {"prompt": prompt, "words": words}
    await _ask(request, "POST", "/v1/jobs", {"task": TASK, "key": handle, "args": args})
    return web.json_response({"handle": handle}, status=201)


@routes.get("/generations/{handle}")
async def show(request: web.Request) -> web.Response:
    """What was asked for, and where to listen: an address that opens this job's stream, for a while."""
    job = await _job(request)
    events = f"/v1/jobs/{job['id']}/events"
    made = await _ask(request, "POST", f"{events}-token", {"seconds": TOKEN_SECONDS})
    stream = f"{API}{events}?token={made['token']}"
    return web.json_response({"job": job["id"], **job["args"], "stream": stream})


@routes.post("/generations/{handle}/cancel")
async def cancel(request: web.Request) -> web.Response:
    job = await _job(request)
    await _ask(request, "POST", f"/v1/jobs/{job['id']}/cancel", {"reason": "the reader has had enough"})
    return web.json_response({}, status=202)


async def _asked(request: web.Request) -> tuple[str, int]:
    """Raises HTTPBadRequest. Only JSON: a form of another page could send anything else."""
    try:
        body = await request.json() if request.content_type == "application/json" else {}
        prompt, words = body["prompt"], body["words"]
    except (ValueError, KeyError, TypeError):
        prompt, words = None, None
    if not (isinstance(prompt, str) and 0 < len(prompt) <= 2_000):
        raise _refused(web.HTTPBadRequest, "a prompt has 1 to 2,000 characters")
    if type(words) is not int or not 0 < words <= MOST_WORDS:
        raise _refused(web.HTTPBadRequest, f"1 to {MOST_WORDS:,} words")
    return prompt, words


async def _job(request: web.Request) -> dict[str, Any]:
    """Raises HTTPNotFound."""
    query = {"task": TASK, "key": request.match_info["handle"][:100], "limit": "1"}
    found = (await _ask(request, "GET", "/v1/jobs", query=query))["items"]
    if not found:
        raise _refused(web.HTTPNotFound, "there is no such generation")
    job: dict[str, Any] = await _ask(request, "GET", f"/v1/jobs/{found[0]['id']}")
    return job


async def _ask(
    request: web.Request,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    query: dict[str, str] | None = None,
) -> Any:
    """Raises HTTPConflict where onewriter refuses, HTTPServiceUnavailable where it doesn't answer."""
    headers = {"Authorization": f"Bearer {KEY}"}
    session = request.app[SESSION]
    try:
        async with session.request(method, API + path, json=body, params=query, headers=headers) as answer:
            said = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise _refused(web.HTTPServiceUnavailable, "onewriter does not answer") from error
    if answer.status >= 500:
        raise _refused(web.HTTPServiceUnavailable, "onewriter cannot answer now")
    if answer.status >= 400:
        raise _refused(web.HTTPConflict, said.get("detail") or said["title"])
    return said


def _refused(kind: type[web.HTTPException], why: str) -> web.HTTPException:
    return kind(text=json.dumps({"error": why}), content_type="application/json")


async def _protect(request: web.Request, response: web.StreamResponse) -> None:  # noqa: ARG001 (a signal)
    response.headers.update(HEADERS)


async def _client(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as app[SESSION]:
        yield


def make_app() -> web.Application:
    app = web.Application(client_max_size=64 * 1024)
    app.cleanup_ctx.append(_client)
    app.on_response_prepare.append(_protect)
    app.add_routes(routes)
    return app


async def serve() -> None:
    runner = web.AppRunner(make_app(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        print(f"serving on http://{host}:{port}", flush=True)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
