"""GET /v1/handlers; /v1/dead-letters: list, replay, discard, for a limited key those that it may see."""

from dataclasses import replace

import msgspec
from aiohttp import web

from app.commands.dead_letters import Letters, discard_events, replay_events
from app.database.pool import Connection
from app.errors import NotFound
from app.http.bodies import MandatoryWhy
from app.http.content import decode
from app.http.cursors import make_cursor, read_cursor
from app.http.handler_bodies import (
    DiscardQuery,
    Handlers,
    LetterPage,
    ListLetters,
    Replayed,
    ReplayLetters,
)
from app.http.keyring import Key
from app.http.registry import Call
from app.http.requests import is_id, json_response, read_body, read_query
from app.queries.handlers import Consumer, DeadLetter, LetterFilter, list_consumers, list_dead_letters

_WHY = msgspec.json.Decoder(MandatoryWhy)
_REPLAY = msgspec.json.Decoder(ReplayLetters)


async def handlers(call: Call) -> web.Response:
    async with call.services.connection() as conn:
        consumers = await list_consumers(conn)
    return json_response(Handlers([seen for each in consumers if (seen := _seen(call.key, each))]))


async def list_(call: Call) -> web.Response:
    query = read_query(call.request, ListLetters)
    secret, filters = call.key.hash, msgspec.json.encode(["dead-letters", query.consumer, query.task])
    after = read_cursor(query.cursor, secret=secret, filters=filters) if query.cursor else None
    where = replace(_visible(call.key), consumer=query.consumer, task=query.task, after_id=after)
    async with call.services.connection() as conn:
        letters = await list_dead_letters(conn, where=where, limit=query.limit + 1)
    items, more = letters[: query.limit], len(letters) > query.limit
    cursor = make_cursor(items[-1].id, secret=secret, filters=filters) if more else None
    return json_response(LetterPage(items, cursor))


async def replay(call: Call) -> web.Response:
    why = decode(_WHY, await read_body(call.request))
    async with call.services.connection() as conn:
        letter = await _letter(call, conn)
        chosen = Letters(consumer=letter.consumer, ids=[letter.id])
        return await _replay(call, conn, chosen, why.reason)


async def replay_all(call: Call) -> web.Response:
    given = decode(_REPLAY, await read_body(call.request))
    chosen = Letters(consumer=given.consumer, task=given.task)
    async with call.services.connection() as conn:
        if not call.key.sees_all:
            where = replace(_visible(call.key), consumer=given.consumer, task=given.task)
            chosen = replace(chosen, ids=[each.id for each in await list_dead_letters(conn, where=where)])
        return await _replay(call, conn, chosen, given.reason)


async def discard(call: Call) -> web.Response:
    reason = read_query(call.request, DiscardQuery).reason
    async with call.services.connection() as conn:
        letter = await _letter(call, conn)
        chosen = Letters(consumer=letter.consumer, ids=[letter.id])
        await discard_events(conn, chosen, actor=call.key.name, reason=reason, request_id=call.request_id)
    return web.Response(status=204)


async def _replay(call: Call, conn: Connection, letters: Letters, reason: str) -> web.Response:
    count = await replay_events(conn, letters, actor=call.key.name, reason=reason, request_id=call.request_id)
    return json_response(Replayed(count), status=202)


async def _letter(call: Call, conn: Connection) -> DeadLetter:
    """Raises NotFound, also for one that the key may not see and for an event that is none."""
    text = call.request.match_info["letter_id"]
    where = replace(_visible(call.key), id=int(text) if is_id(text) else 0)
    letters = await list_dead_letters(conn, where=where, limit=1)
    if not letters:
        raise NotFound(f"no dead letter has the id {text[:40]}")
    return letters[0]


def _visible(key: Key) -> LetterFilter:
    return LetterFilter(
        queue_patterns=key.queues.like if key.queues else None,
        task_patterns=key.tasks.like if key.tasks else None,
    )


def _seen(key: Key, consumer: Consumer) -> Consumer | None:
    """With the subscriptions to tasks that the key may see; a limited one sees no consumer without."""
    if key.sees_all:
        return consumer
    seen = [each for each in consumer.subscriptions if key.sees_task(each.task)]
    return replace(consumer, subscriptions=seen) if seen else None
