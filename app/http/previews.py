"""When a schedule fires, or would: of a stored one, and of a definition that is not stored."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import islice

from aiohttp import web

from app.commands.definitions import TICK, definition_of
from app.commands.preparing import invalid
from app.http.preparing import YEARS
from app.http.registry import Call
from app.http.requests import json_response, read_body, read_query
from app.http.schedule_access import schedule_name_of, visible_schedule
from app.http.schedule_bodies import Preview, PreviewedFire, Range
from app.http.schedule_content import read_definition
from app.schedules import Definition, fires, words

LONGEST = timedelta(days=3653)


async def of_schedule(call: Call) -> web.Response:
    start, end, limit = _range(call)
    async with call.services.connection() as conn:
        schedule = await visible_schedule(call, conn, schedule_name_of(call.request))
    return await _preview(definition_of(schedule), start, end, limit)


async def of_definition(call: Call) -> web.Response:
    start, end, limit = _range(call)
    return await _preview(read_definition(await read_body(call.request)), start, end, limit)


async def _preview(definition: Definition, start: datetime, end: datetime, limit: int) -> web.Response:
    """In a thread: a thousand times of a rare cron take a while."""
    found = await asyncio.to_thread(_fires, definition, start, end, limit)
    return json_response(Preview(words(definition), definition.timezone, found))


def _fires(definition: Definition, start: datetime, end: datetime, limit: int) -> list[PreviewedFire]:
    found = fires(definition, start - TICK, end - TICK)
    return [PreviewedFire(fire.planned, fire.wall, fire.dst) for fire in islice(found, limit)]


def _range(call: Call) -> tuple[datetime, datetime, int]:
    """From `from` on, before `to`. Raises Invalid."""
    query = read_query(call.request, Range)
    for field, value in (("from", query.start), ("to", query.end)):
        if value is not None and value.year not in YEARS:
            raise invalid(field, f"its year is not between {YEARS.start} and {YEARS.stop - 1}")
    start = query.start or datetime.now(UTC)
    end = query.end or start + LONGEST
    if end <= start:
        raise invalid("to", "is not after from")
    if end - start > LONGEST:
        raise invalid("to", "is more than ten years after from")
    return start, end, query.limit
