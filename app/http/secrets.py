"""GET, PUT and DELETE of /v1/secrets: a value comes in and never goes out."""

import msgspec
from aiohttp import web

from app.commands.secrets import remove_secret, set_secret
from app.errors import NotAllowed
from app.http.bodies import NewSecret, Secrets
from app.http.content import decode
from app.http.registry import Call
from app.http.requests import json_response, read_body
from app.queries.secrets import list_secrets

_NEW_SECRET = msgspec.json.Decoder(NewSecret)


async def list_(call: Call) -> web.Response:
    _require_unlimited(call)
    async with call.services.connection() as conn:
        return json_response(Secrets(await list_secrets(conn)))


async def put(call: Call) -> web.Response:
    _require_unlimited(call)
    new = decode(_NEW_SECRET, await read_body(call.request))
    async with call.services.connection() as conn:
        await set_secret(
            conn, name=_name(call), value=new.value, tasks=new.tasks, logins=new.logins, actor=call.key.name
        )
    return web.Response(status=204)


async def remove(call: Call) -> web.Response:
    _require_unlimited(call)
    async with call.services.connection() as conn:
        await remove_secret(conn, name=_name(call), actor=call.key.name)
    return web.Response(status=204)


def _name(call: Call) -> str:
    return call.request.match_info["name"]


def _require_unlimited(call: Call) -> None:
    """A pattern of tasks may reach beyond any pattern of the key's."""
    if not call.key.sees_all:
        raise NotAllowed("secrets need a key without patterns")
