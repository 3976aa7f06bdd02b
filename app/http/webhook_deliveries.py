"""What was sent to a webhook: the list, a ping, and messages once more."""

import msgspec
from aiohttp import web

from app.commands import webhooks as commands
from app.commands.webhooks import By
from app.errors import NotFound
from app.http.cursors import make_cursor, read_cursor
from app.http.registry import Call
from app.http.requests import is_id, json_response, read_optional, read_query
from app.http.webhook_bodies import DeliveryPage, ListDeliveries, ReplaySince
from app.http.webhooks import by_body, find, name_of, require_unlimited
from app.queries.webhooks import list_deliveries

_SINCE = msgspec.json.Decoder(ReplaySince)


async def list_(call: Call) -> web.Response:
    require_unlimited(call)
    query = read_query(call.request, ListDeliveries)
    async with call.services.connection() as conn:
        webhook = await find(conn, name_of(call))
        secret, filters = call.key.hash, msgspec.json.encode(["deliveries", webhook.id, query.status])
        before = read_cursor(query.cursor, secret=secret, filters=filters) if query.cursor else None
        found = await list_deliveries(
            conn, webhook=webhook.name, status=query.status, before_id=before, limit=query.limit + 1
        )
    items, more = found[: query.limit], len(found) > query.limit
    cursor = make_cursor(items[-1].id, secret=secret, filters=filters) if more else None
    return json_response(DeliveryPage(items, cursor))


async def ping(call: Call) -> web.Response:
    by = await by_body(call)
    async with call.services.connection() as conn:
        webhook = await find(conn, name_of(call))
        return json_response(await commands.ping_webhook(conn, name=webhook.name, by=by), status=202)


async def replay(call: Call) -> web.Response:
    by = await by_body(call)
    text = call.request.match_info["delivery_id"]
    async with call.services.connection() as conn:
        webhook = await find(conn, name_of(call))
        if not is_id(text):
            raise NotFound(f"{webhook.name} has no delivery {text[:40]}")
        done = await commands.replay_webhook(conn, name=webhook.name, delivery_id=int(text), by=by)
    return json_response(done.deliveries[0], status=202)


async def replay_all(call: Call) -> web.Response:
    require_unlimited(call)
    given = await read_optional(call.request, _SINCE, ReplaySince())
    by = By(actor=call.key.name, reason=given.reason, request_id=call.request_id)
    async with call.services.connection() as conn:
        webhook = await find(conn, name_of(call))
        done = await commands.replay_webhook(conn, name=webhook.name, since=given.since, by=by)
    return json_response(done, status=202)
