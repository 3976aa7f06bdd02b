"""Making, changing, pausing and deleting schedules."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from app.commands import schedules as commands
from app.commands.definitions import check_tasks, patched
from app.database.pool import Connection
from app.errors import RevisionConflict, ScheduleExists
from app.http.bodies import Why, WhyQuery
from app.http.etags import expected_revision
from app.http.registry import Call
from app.http.requests import read_body, read_optional, read_query
from app.http.schedule_access import require_target, schedule_name_of, visible, visible_schedule
from app.http.schedule_content import read_definition, read_new, read_patch
from app.http.schedule_reading import answer
from app.queries.schedules import get_schedule
from app.schedules import Definition, encode_definition

# A patch that meets another change is made again, on what is there then.
TRIES = 5

_WHY = msgspec.json.Decoder(Why)


async def create(call: Call) -> web.Response:
    reason = _reason(call)
    name, definition = read_new(await read_body(call.request))
    await _check(call, definition)
    async with call.services.connection() as conn:
        await _put(call, conn, name, definition, commands.ABSENT, reason)
        return await answer(conn, name, status=201, headers={"Location": f"/v1/schedules/{name}"})


async def put(call: Call) -> web.Response:
    """Without a condition it takes what it finds, but for what a limited key might not see."""
    reason, name = _reason(call), schedule_name_of(call.request)
    definition = read_definition(await read_body(call.request))
    await _check(call, definition)
    async with call.services.connection() as conn:
        there = await get_schedule(conn, name=name)
        revision = None if there is None else (await visible(call, there)).revision
        expected = expected_revision(call.request, revision)
        if expected is None and not call.key.sees_all:
            expected = revision or commands.ABSENT
        try:
            done = await _put(call, conn, name, definition, expected, reason)
        except ScheduleExists as error:
            raise RevisionConflict("it was made just now", facts=error.facts) from None
        return await answer(conn, name, status=201 if done.created else 200)


async def patch(call: Call) -> web.Response:
    reason, name = _reason(call), schedule_name_of(call.request)
    fields = read_patch(await read_body(call.request))
    async with call.services.connection() as conn:
        for left in reversed(range(TRIES)):
            there = await visible_schedule(call, conn, name)
            asked = expected_revision(call.request, there.revision)
            definition = patched(there, fields)
            await _check(call, definition)
            try:
                await _put(call, conn, name, definition, there.revision, reason)
                break
            except RevisionConflict:
                if asked is not None or not left:
                    raise
        return await answer(conn, name)


async def remove(call: Call) -> web.Response:
    reason = _reason(call)
    async with call.services.connection() as conn:
        there = await visible_schedule(call, conn, schedule_name_of(call.request))
        await commands.remove_schedule(
            conn,
            name=there.name,
            expected=expected_revision(call.request, there.revision),
            actor=call.key.name,
            reason=reason,
            request_id=call.request_id,
        )
    return web.Response(status=204)


async def pause(call: Call) -> web.Response:
    return await _switch(call, commands.pause_schedule)


async def resume(call: Call) -> web.Response:
    return await _switch(call, commands.resume_schedule)


async def _switch(call: Call, verb: Callable[..., Awaitable[None]]) -> web.Response:
    why = await read_optional(call.request, _WHY, Why())
    async with call.services.connection() as conn:
        there = await visible_schedule(call, conn, schedule_name_of(call.request))
        await verb(conn, name=there.name, actor=call.key.name, reason=why.reason, request_id=call.request_id)
        return await answer(conn, there.name)


async def _put(
    call: Call,
    conn: Connection,
    name: str,
    definition: Definition,
    expected: int | None,
    reason: str | None,
) -> commands.Put:
    return await commands.put_schedule(
        conn,
        name=name,
        definition=encode_definition(definition),
        expected=expected,
        actor=call.key.name,
        reason=reason,
        request_id=call.request_id,
    )


async def _check(call: Call, definition: Definition) -> None:
    """403 before 422: whoever may not use a task does not learn whether it exists."""
    catalogue = await call.services.catalogue.get()
    require_target(call.key, definition, catalogue)
    check_tasks(definition, catalogue)


def _reason(call: Call) -> str | None:
    return read_query(call.request, WhyQuery).reason
