"""/v1/webhooks: making, changing, enabling, rotating and deleting them."""

import re
from dataclasses import asdict
from typing import Any

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET

from app.commands import webhooks as commands
from app.commands.schedules import ABSENT
from app.database.pool import Connection
from app.errors import NotAllowed, RevisionConflict, WebhookExists, WebhookNotFound
from app.http.bodies import Why, WhyQuery
from app.http.content import decode
from app.http.etags import etag, expected_revision, is_known
from app.http.registry import Call
from app.http.requests import json_response, read_body, read_optional, read_query
from app.http.webhook_bodies import (
    NewSecretOfWebhook,
    NewWebhook,
    Rotated,
    ShownWebhook,
    WebhookDefinition,
    WebhookPatch,
    Webhooks,
)
from app.queries.webhooks import Webhook, get_webhook, list_webhooks

# A patch that meets another change is made again, on what is there then.
TRIES = 5

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NEW = msgspec.json.Decoder(NewWebhook)
_DEFINITION = msgspec.json.Decoder(WebhookDefinition)
_PATCH = msgspec.json.Decoder(WebhookPatch)
_SECRET = msgspec.json.Decoder(NewSecretOfWebhook)
_WHY = msgspec.json.Decoder(Why)
_FIELDS = WebhookDefinition.__struct_fields__


async def list_(call: Call) -> web.Response:
    require_unlimited(call)
    async with call.services.connection() as conn:
        return json_response(Webhooks(await list_webhooks(conn)))


async def show(call: Call) -> web.Response:
    require_unlimited(call)
    async with call.services.connection() as conn:
        found = await find(conn, name_of(call))
    if is_known(call.request, found.revision):
        return web.Response(status=304, headers={hdrs.ETAG: etag(found.revision)})
    return _shown(found)


async def create(call: Call) -> web.Response:
    require_unlimited(call)
    by = by_query(call)
    new = decode(_NEW, await read_body(call.request))
    async with call.services.connection() as conn:
        done = await commands.put_webhook(
            conn, name=new.name, definition=_fields(new), expected=ABSENT, secret=new.secret, by=by
        )
        found = await find(conn, new.name)
    return _shown(found, status=201, secret=done.secret, headers={"Location": f"/v1/webhooks/{new.name}"})


async def put(call: Call) -> web.Response:
    """Without a condition it takes what it finds."""
    require_unlimited(call)
    by, name = by_query(call), possible(name_of(call))
    new = decode(_DEFINITION, await read_body(call.request))
    async with call.services.connection() as conn:
        there = await get_webhook(conn, name=name)
        expected = expected_revision(call.request, None if there is None else there.revision)
        try:
            done = await commands.put_webhook(
                conn, name=name, definition=_fields(new), expected=expected, by=by
            )
        except WebhookExists as error:
            raise RevisionConflict("it was made just now", facts=error.facts) from None
        found = await find(conn, name)
    return _shown(found, status=201 if done.created else 200, secret=done.secret)


async def patch(call: Call) -> web.Response:
    require_unlimited(call)
    by, name = by_query(call), name_of(call)
    changes = _given(decode(_PATCH, await read_body(call.request)))
    async with call.services.connection() as conn:
        for left in reversed(range(TRIES)):
            there = await find(conn, name)
            asked = expected_revision(call.request, there.revision)
            definition = _fields(there) | changes
            try:
                await commands.put_webhook(
                    conn, name=name, definition=definition, expected=there.revision, by=by
                )
                break
            except RevisionConflict:
                if asked is not None or not left:
                    raise
        return _shown(await find(conn, name))


async def remove(call: Call) -> web.Response:
    require_unlimited(call)
    by = by_query(call)
    async with call.services.connection() as conn:
        there = await find(conn, name_of(call))
        expected = expected_revision(call.request, there.revision)
        await commands.remove_webhook(conn, name=there.name, expected=expected, by=by)
    return web.Response(status=204)


async def enable(call: Call) -> web.Response:
    return await _switch(call, enabled=True)


async def disable(call: Call) -> web.Response:
    return await _switch(call, enabled=False)


async def _switch(call: Call, *, enabled: bool) -> web.Response:
    by = await by_body(call)
    async with call.services.connection() as conn:
        name = (await find(conn, name_of(call))).name
        await commands.set_webhook_enabled(conn, name=name, enabled=enabled, by=by)
        return _shown(await find(conn, name))


async def rotate(call: Call) -> web.Response:
    require_unlimited(call)
    new = await read_optional(call.request, _SECRET, NewSecretOfWebhook())
    by = commands.By(actor=call.key.name, reason=new.reason, request_id=call.request_id)
    async with call.services.connection() as conn:
        name = (await find(conn, name_of(call))).name
        secret = await commands.rotate_webhook(conn, name=name, secret=new.secret, by=by)
    return json_response(Rotated(secret))


def require_unlimited(call: Call) -> None:
    """A webhook hears of every queue and task."""
    if not call.key.sees_all:
        raise NotAllowed("webhooks need a key without patterns")


def name_of(call: Call) -> str:
    return call.request.match_info["name"]


def by_query(call: Call) -> commands.By:
    reason = read_query(call.request, WhyQuery).reason
    return commands.By(actor=call.key.name, reason=reason, request_id=call.request_id)


async def by_body(call: Call) -> commands.By:
    require_unlimited(call)
    why = await read_optional(call.request, _WHY, Why())
    return commands.By(actor=call.key.name, reason=why.reason, request_id=call.request_id)


async def find(conn: Connection, name: str) -> Webhook:
    """Raises WebhookNotFound."""
    found = await get_webhook(conn, name=possible(name))
    if found is None:
        raise _missing(name)
    return found


def possible(name: str) -> str:
    """What is no name is no webhook: 404."""
    if not _NAME.fullmatch(name):
        raise _missing(name)
    return name


def _missing(name: str) -> WebhookNotFound:
    return WebhookNotFound(f"no webhook is called {name[:100]}")


def _fields(source: Any) -> dict[str, Any]:
    return {field: getattr(source, field) for field in _FIELDS}


def _given(changes: WebhookPatch) -> dict[str, Any]:
    return {field: value for field in _FIELDS if (value := getattr(changes, field)) is not UNSET}


def _shown(
    webhook: Webhook, *, status: int = 200, secret: str | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    body = ShownWebhook(**asdict(webhook), secret=secret)
    return json_response(body, status=status, headers={hdrs.ETAG: etag(webhook.revision), **(headers or {})})
