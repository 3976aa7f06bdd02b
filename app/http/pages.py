"""Pages for people: /, /docs, /problems/{slug}. Self-contained: no CDN, no build step."""

from html import escape
from importlib.metadata import PackageNotFoundError, version

import msgspec
from aiohttp import web

from app.errors import OnewriterError, Problem, RouteNotFound
from app.http.docs_page import render
from app.http.errors_page import table
from app.http.problems import PATH
from app.http.registry import Call
from app.http.requests import json_response
from app.http.services import OPENAPI

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title>
<style>
:root{{color-scheme:light dark;--line:#8884;--code:#8882;--link:#0a58ca}}
@media (prefers-color-scheme:dark){{:root{{--link:#7ab7ff}}}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}}
a{{color:var(--link)}}
code{{font:.9em ui-monospace,monospace;background:var(--code);border-radius:4px;padding:.1em .3em}}
section{{border-top:1px solid var(--line);margin-top:1.5rem}}
h2{{font-size:1.15rem}} h3{{font-size:1rem;margin:1em 0 .3em}}
table{{border-collapse:collapse;display:block;overflow-x:auto}}
td{{padding:.3em 1.2em .3em 0;border-bottom:1px solid var(--line);vertical-align:top}}
.contents{{list-style:none;padding:0}} .contents li{{padding:.15em 0}} .contents a{{text-decoration:none}}
.get,.post,.delete,.put,.patch{{display:inline-block;min-width:3.6em;font-size:.8em;text-align:center;
color:#fff;background:#2563a8;border-radius:4px;padding:.1em .4em}}
.post{{background:#24713f}} .delete{{background:#a33}}
</style><h1>{title}</h1>{body}</html>"""


def onewriter_version() -> str:
    try:
        return version("onewriter")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0"


async def index(call: Call) -> web.Response:  # noqa: ARG001 (the signature of handlers)
    return json_response(
        {
            "name": "onewriter",
            "version": onewriter_version(),
            "docs": "/docs",
            "openapi": "/openapi.json",
            "jobs": "/v1/jobs",
            "tasks": "/v1/tasks",
            "workers": "/v1/workers",
            "schedules": "/v1/schedules",
            "handlers": "/v1/handlers",
            "dead_letters": "/v1/dead-letters",
            "webhooks": "/v1/webhooks",
            "live": "/livez",
            "ready": "/readyz",
            "problems": PATH.rstrip("/"),
        }
    )


async def openapi(call: Call) -> web.Response:
    return web.Response(body=call.request.app[OPENAPI], content_type="application/json")


async def docs(call: Call) -> web.Response:
    document = msgspec.json.decode(call.request.app[OPENAPI])
    return _page("onewriter API", render(document))


async def problems(call: Call) -> web.Response:  # noqa: ARG001 (the signature of handlers)
    rows = "".join(_row(error.problem) for error in table())
    return _page("Problems", f"<table>{rows}</table>")


def _row(row: Problem) -> str:
    link = f'<a href="{PATH}{row.slug}">{row.slug}</a>'
    return f"<tr><td>{row.status}<td>{link}<td>{escape(row.title)}"


async def problem(call: Call) -> web.Response:
    slug = call.request.match_info["slug"]
    found = next((error for error in table() if error.problem.slug == slug), None)
    if found is None:
        raise RouteNotFound(f"no problem is called {slug[:100]}")
    return _page(found.problem.title, _problem(found))


def _problem(error: type[OnewriterError]) -> str:
    row = error.problem
    states = f" · SQLSTATE <code>{', '.join(row.sqlstates)}</code>" if row.sqlstates else ""
    return (
        f"<p>HTTP {row.status} · <code>{PATH}{row.slug}</code>{states}</p>"
        f"<h2>Why</h2><p>{escape(row.cause)}</p><h2>What to do</h2><p>{escape(row.remedy)}</p>"
    )


def _page(title: str, body: str) -> web.Response:
    return web.Response(text=_PAGE.format(title=escape(title), body=body), content_type="text/html")
