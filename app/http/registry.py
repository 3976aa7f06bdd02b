"""The routes as data: what is served, what it asks for, and what /openapi.json says about it."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import msgspec
from aiohttp import hdrs, web

from app.errors import MethodNotAllowed, OnewriterError, Quarantined, RouteNotFound
from app.http.event_tokens import read_token
from app.http.keyring import Key, authenticate, check_valid
from app.http.problems import from_exception, problem_response
from app.http.requests import refuse_query
from app.http.services import SERVICES, TRAFFIC, Services
from app.http.traffic import RouteTraffic

REQUEST_ID = "X-Request-Id"
TOKEN = "token"  # noqa: S105 (the name of a parameter)
# Nothing here goes by cookies: a page of another origin gets no more than its token opens.
ANY_ORIGIN: dict[str, str] = {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*"}
# Seconds; a person has to arm it.
RETRY_AFTER = 30
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a handler. `key` is None only on open routes."""

    request: web.Request
    services: Services
    request_id: str
    _key: Key | None = None

    @property
    def key(self) -> Key:
        assert self._key is not None
        return self._key

    async def check_key(self) -> None:
        """For what lasts: raises Unauthenticated once the key is revoked or has expired."""
        check_valid((await self.services.keyring.get()).get(self.key.hash))


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful status. `body` is a type; `media` is set where the answer isn't JSON.

    `more_media`: what else it may be, if the request accepts it.
    """

    status: int
    says: str
    body: Any = None
    media: str = "application/json"
    more_media: Sequence[str] = ()
    headers: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`scope` None is open to everyone, and has to be said.

    `takes_token`: ?token= of …/events-token stands in for a key, from a page of any origin.
    `query` and `body` are msgspec types; no `query` refuses all.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    answers: Sequence[Answer]
    scope: str | None
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    body_optional: bool = False
    headers: Sequence[str] = ()
    takes_token: bool = False
    errors: Sequence[type[OnewriterError]] = field(default_factory=tuple)

    @property
    def changes(self) -> bool:
        """Whether it is refused in a copy that nobody armed."""
        return self.scope is not None and self.method != hdrs.METH_GET

    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(self.path)))


def add_routes(app: web.Application, routes: Sequence[Route]) -> None:
    traffic = app[TRAFFIC]
    for route in routes:
        serve = _serve(route, traffic.of(route.method, route.path))
        app.router.add_route(route.method, route.path, serve)
        if route.method == hdrs.METH_GET and all(a.media != "text/event-stream" for a in route.answers):
            app.router.add_route(hdrs.METH_HEAD, route.path, serve)
    nothing = _nothing_here(routes)
    app.router.add_route("*", "/{rest:.*}", _serve(nothing, traffic.of(nothing.method, nothing.path)))


def _serve(route: Route, traffic: RouteTraffic) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    handler, scope, query, changes = route.handler, route.scope, route.query, route.changes
    opened = ANY_ORIGIN if route.takes_token else {}

    async def serve(request: web.Request) -> web.StreamResponse:
        began = perf_counter()
        request_id = _request_id(request)
        key: Key | None = None
        try:
            services = request.app[SERVICES]
            if scope is not None:
                key = await _authorize(services, request, scope, tokens=route.takes_token)
            if query is None and request.query_string:
                refuse_query(request)
            if changes:
                await _require_armed(services)
            response = await handler(Call(request, services, request_id, key))
        except asyncio.CancelledError:
            raise
        except Exception as exc:  # noqa: BLE001 (from_exception logs what nobody expected)
            response = problem_response(_for_key(from_exception(exc, request_id), key))
        if not response.prepared:
            response.headers[REQUEST_ID] = request_id
            response.headers.update(opened)
        traffic.answered(response.status, perf_counter() - began)
        return response

    return serve


async def _authorize(services: Services, request: web.Request, scope: str, *, tokens: bool) -> Key:
    keyring = services.keyring.peek()
    if keyring is None:
        keyring = await services.keyring.get()
    if tokens and TOKEN in request.query:
        key = read_token(keyring, request.query[TOKEN], job_id=request.match_info["job_id"])
    else:
        key = authenticate(keyring, request.headers.get(hdrs.AUTHORIZATION))
    key.spend()
    key.require(scope)
    return key


async def _require_armed(services: Services) -> None:
    armed = services.armed.peek()
    if armed is None:
        armed = await services.armed.get()
    if armed.refusal:
        raise Quarantined(armed.refusal, retry_after=RETRY_AFTER)


def _for_key(error: OnewriterError, key: Key | None) -> OnewriterError:
    """The job that holds a queueing_lock may be one that a limited key may not see."""
    if key is not None and not key.sees_all and error.facts.pop("job_id", None):
        error.detail = ""
    return error


def _request_id(request: web.Request) -> str:
    given = request.headers.get(REQUEST_ID)
    return given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _nothing_here(routes: Sequence[Route]) -> Route:
    known = [(route.pattern(), route.method) for route in routes]

    async def refuse(call: Call) -> web.StreamResponse:
        path = call.request.path
        allowed = sorted({method for pattern, method in known if pattern.fullmatch(path)})
        if allowed:
            raise MethodNotAllowed(f"{path} has {', '.join(allowed)}", facts={"allow": allowed})
        raise RouteNotFound(f"there is nothing at {path[:200]}")

    return Route(method="*", path="/{rest}", handler=refuse, summary="", scope=None, answers=())
