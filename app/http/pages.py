"""Pages for people: /, /docs, /problems/{slug}. Self-contained: no CDN, no build step."""

from html import escape
from importlib.metadata import PackageNotFoundError, version

import msgspec
from aiohttp import web

from app.errors import OnewriterError, Problem, RouteNotFound
from app.http.errors_page import table
from app.http.problems import PATH
from app.http.registry import Call
from app.http.requests import json_response
from app.http.services import OPENAPI

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}</title>
<style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto}}
code,pre{{font:14px/1.4 ui-monospace,monospace;background:#f4f4f4;border-radius:4px;padding:.1em .3em}}
pre{{padding:1em;overflow:auto}} table{{border-collapse:collapse}} td{{padding:.3em .8em;
border-bottom:1px solid #ddd;vertical-align:top}} summary{{cursor:pointer;padding:.3em 0}}
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
            "live": "/livez",
            "ready": "/readyz",
            "problems": PATH.rstrip("/"),
        }
    )


async def openapi(call: Call) -> web.Response:
    return web.Response(body=call.request.app[OPENAPI], content_type="application/json")


async def docs(call: Call) -> web.Response:
    document = msgspec.json.decode(call.request.app[OPENAPI])
    sections = [
        _operation(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = [
        f"<details><summary><code>{escape(name)}</code></summary>{_pre(schema)}</details>"
        for name, schema in document["components"]["schemas"].items()
    ]
    intro = (
        "<p>Send <code>Authorization: Bearer ow_…</code>. The same as data: "
        '<a href="/openapi.json">/openapi.json</a>. What can go wrong: <a href="/problems">/problems</a>.</p>'
    )
    return _page("onewriter API", intro + "".join(sections) + "<h2>Schemas</h2>" + "".join(schemas))


def _operation(path: str, method: str, operation: dict[str, object]) -> str:
    title = f"<b>{method.upper()}</b> <code>{escape(path)}</code> {escape(str(operation['summary']))}"
    shown = {
        name: value for name, value in operation.items() if name not in ("summary", "operationId", "tags")
    }
    return f"<details><summary>{title}</summary>{_pre(shown)}</details>"


def _pre(value: object) -> str:
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return f"<pre>{escape(text)}</pre>"


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
