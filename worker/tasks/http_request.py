"""`http.request`: one HTTP request to a public address (or an allowed one), its answer as the result."""

from __future__ import annotations

import base64
import json as json_module
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from worker.main import app
from worker.tasks.addresses import Allowed, PrivateAddress

# Under the limit of a result (256 KB as JSON), with room for headers and escapes.
MAX_BODY = 192 * 1024
_MAX_REDIRECTS = 5
_MAX_SECONDS = 300.0
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

AddrInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]


class ResponseTooLarge(ValueError):
    """The body is over the limit."""


class CheckedResolver(AbstractResolver):
    """Names that lead to a private address are refused before anything is sent."""

    def __init__(self, allowed: Allowed):
        self._allowed = allowed
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        self._allowed.resolved(host, (one["host"] for one in found))
        for one in found:
            self._allowed.check(one["host"])
        return found

    async def close(self) -> None:
        await self._resolver.close()


def checked_connector(allowed: Allowed) -> aiohttp.TCPConnector:
    """aiohttp resolves no IP literal, so every socket is checked as well; redirects come through here too."""

    def checked_socket(info: AddrInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        allowed.check(str(address[0]))
        return socket.socket(family=family, type=kind, proto=protocol)

    return aiohttp.TCPConnector(
        resolver=CheckedResolver(allowed), socket_factory=checked_socket, use_dns_cache=False
    )


@asynccontextmanager
async def public_request(
    method: str, url: str, *, seconds: float, **options: Any
) -> AsyncIterator[aiohttp.ClientResponse]:
    """A request to a public address, or to one that ONEWRITER_HTTP_ALLOW_PRIVATE names.

    Raises PrivateAddress, TimeoutError, aiohttp.ClientError.
    """
    allowed = Allowed.parse(os.environ.get("ONEWRITER_HTTP_ALLOW_PRIVATE", ""))
    limit = aiohttp.ClientTimeout(total=min(seconds, _MAX_SECONDS))
    try:
        async with (
            aiohttp.ClientSession(connector=checked_connector(allowed), trust_env=False) as session,
            session.request(method, url, timeout=limit, **options) as response,
        ):
            yield response
    except aiohttp.ClientConnectorError as exc:
        if isinstance(exc.os_error, PrivateAddress):
            raise exc.os_error from None
        raise


@app.task(name="http.request")
async def request(
    url: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    json: Any = None,
    body: str | None = None,
    timeout: float = 30.0,
    raise_for_status: bool = False,
) -> dict[str, Any]:
    """Sends one HTTP request; returns status, url, headers and json, body or body_base64.

    Private addresses are refused unless ONEWRITER_HTTP_ALLOW_PRIVATE names them.
    """
    if method.upper() not in _METHODS:
        raise ValueError(f"method {method!r} is none of {', '.join(sorted(_METHODS))}.")
    if not timeout > 0:  # aiohttp takes 0 for no limit at all
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout}.")
    async with public_request(
        method.upper(),
        url,
        seconds=timeout,
        headers=headers,
        params=params,
        json=json,
        data=None if body is None else body.encode(),
        max_redirects=_MAX_REDIRECTS,
        raise_for_status=raise_for_status,
    ) as response:
        return await _answer(response)


async def _answer(response: aiohttp.ClientResponse) -> dict[str, Any]:
    return {
        "status": response.status,
        "url": str(response.url),
        "headers": {name.lower(): value for name, value in response.headers.items()},
        **_content(await _read(response), response),
    }


async def _read(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_chunked(16 * 1024):
        size += len(part)
        if size > MAX_BODY:
            raise ResponseTooLarge(f"The body is over {MAX_BODY} bytes.")
        parts.append(part)
    return b"".join(parts)


def _content(raw: bytes, response: aiohttp.ClientResponse) -> dict[str, Any]:
    if response.content_type == "application/json" or response.content_type.endswith("+json"):
        try:
            return {"json": json_module.loads(raw)}
        except ValueError:
            pass  # It says JSON and isn't: it is shown as it came.
    try:
        text = raw.decode(response.charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        text = "\x00"
    # NUL is no text for PostgreSQL's jsonb.
    return {"body_base64": base64.b64encode(raw).decode()} if "\x00" in text else {"body": text}
