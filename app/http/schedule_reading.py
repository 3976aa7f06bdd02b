"""GET /v1/schedules and /v1/schedules/{name}; how a schedule is shown after a change."""

from datetime import UTC, datetime

import msgspec
from aiohttp import hdrs, web

from app.commands.catalogue import Catalogue
from app.commands.definitions import definition_of
from app.database.pool import Connection
from app.errors import Invalid, ScheduleNotFound
from app.http.cursors import make_cursor, read_cursor
from app.http.etags import etag, is_known
from app.http.keyring import Key
from app.http.registry import Call
from app.http.requests import json_response, read_query
from app.http.schedule_access import schedule_name_of, sees, visible_schedule
from app.http.schedule_bodies import ListSchedules, SchedulePage, Shown
from app.queries.schedules import Origin, Schedule, get_schedule, list_schedules
from app.schedules import Definition, next_fire, words

# Schedules read at once for a key that may see only some.
CHUNK = 500


async def list_(call: Call) -> web.Response:
    query = read_query(call.request, ListSchedules)
    secret, filters = call.key.hash, msgspec.json.encode(["schedules", query.origin])
    after = read_cursor(query.cursor, secret=secret, filters=filters) if query.cursor else 0
    catalogue = await call.services.catalogue.get()
    async with call.services.connection() as conn:
        found = await _visible_after(conn, call.key, catalogue, query.origin, after, query.limit + 1)
    items, more = found[: query.limit], len(found) > query.limit
    cursor = make_cursor(items[-1].id, secret=secret, filters=filters) if more else None
    return json_response(SchedulePage([_shown(item) for item in items], cursor))


async def _visible_after(
    conn: Connection, key: Key, catalogue: Catalogue, origin: Origin | None, after: int, limit: int
) -> list[Schedule]:
    """As many as are asked for, or all that there are."""
    found: list[Schedule] = []
    chunk = limit if key.sees_all else CHUNK
    while len(found) < limit:
        read = await list_schedules(conn, origin=origin, after_id=after, limit=chunk)
        found += [schedule for schedule in read if sees(key, schedule, catalogue)]
        if len(read) < chunk:
            break
        after = read[-1].id
    return found


async def show(call: Call) -> web.Response:
    async with call.services.connection() as conn:
        schedule = await visible_schedule(call, conn, schedule_name_of(call.request))
    if is_known(call.request, schedule.revision):
        return web.Response(status=304, headers={hdrs.ETAG: etag(schedule.revision)})
    return _response(schedule, 200, {})


async def answer(
    conn: Connection, name: str, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """What a change has left. Raises ScheduleNotFound where somebody has deleted it meanwhile."""
    schedule = await get_schedule(conn, name=name)
    if schedule is None:
        raise ScheduleNotFound(f"the schedule {name} was deleted meanwhile")
    return _response(schedule, status, headers or {})


def _response(schedule: Schedule, status: int, headers: dict[str, str]) -> web.Response:
    tagged = {hdrs.ETAG: etag(schedule.revision), **headers}
    return json_response(_shown(schedule), status=status, headers=tagged)


def _shown(schedule: Schedule) -> Shown:
    definition = _readable(schedule)
    return Shown(
        name=schedule.name,
        origin=schedule.origin,
        source=schedule.source,
        state=schedule.state,
        words=None if definition is None else words(definition),
        definition=schedule.effective,
        published=schedule.definition if schedule.origin == "code" else None,
        revision=schedule.revision,
        next_fire_at=schedule.next_fire_at or _unplanned(schedule, definition),
        last_fire_at=schedule.last_fire_at,
        last_run_id=schedule.last_run_id,
        last_outcome=schedule.last_outcome,
        last_error=schedule.last_error,
        open_run_ids=schedule.open_run_ids,
        problem=schedule.plan_error,
        paused_at=schedule.paused_at,
        paused_by=schedule.paused_by,
        paused_reason=schedule.paused_reason,
        vanished_at=schedule.vanished_at,
        created_at=schedule.created_at,
        created_by=schedule.created_by,
        updated_at=schedule.updated_at,
        updated_by=schedule.updated_by,
    )


def _readable(schedule: Schedule) -> Definition | None:
    """None for one that was put past all checks, in psql."""
    try:
        return definition_of(schedule)
    except Invalid:
        return None


def _unplanned(schedule: Schedule, definition: Definition | None) -> datetime | None:
    """What the scheduler will plan: it has not seen this revision yet."""
    if definition is None or schedule.state != "active":
        return None
    fire = next_fire(definition, max(schedule.fired_until, datetime.now(UTC)), schedule.id)
    return fire and fire.planned
