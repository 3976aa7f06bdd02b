"""Runs of a schedule: those that were, one now, and those of a time that has passed."""

import asyncio
from datetime import UTC, datetime

import msgspec
from aiohttp import web

from app.commands import schedules as commands
from app.commands.definitions import check_tasks, definition_of, overridden, planned_times
from app.commands.jobs_in import Replay
from app.commands.preparing import invalid
from app.commands.schedules import BackfillRequest, Requested, RunRequest
from app.errors import RunNotFound
from app.http.content import decode
from app.http.cursors import make_cursor, read_cursor
from app.http.idempotency import REPLAYED, idempotency_of, require_same
from app.http.preparing import YEARS, read_args
from app.http.registry import Call
from app.http.requests import is_id, json_response, read_body, read_query
from app.http.schedule_access import schedule_name_of, visible_schedule
from app.http.schedule_bodies import (
    BackfillAccepted,
    ListRuns,
    NewBackfill,
    RunAccepted,
    RunDetail,
    RunNow,
    RunPage,
)
from app.queries.schedules import get_run, list_members, list_runs

_RUN_NOW = msgspec.json.Decoder(RunNow)
_BACKFILL = msgspec.json.Decoder(NewBackfill)


async def run_now(call: Call) -> web.Response:
    name = schedule_name_of(call.request)
    body = decode(_RUN_NOW, await read_body(call.request) or b"{}")
    idempotency = idempotency_of(call, body, {})
    request = RunRequest(
        actor=call.key.name,
        reason=body.reason,
        args=body.args if bytes(body.args) else None,
        force=body.force,
        request_id=call.request_id,
        idempotency=idempotency,
    )
    async with call.services.connection() as conn:
        schedule = await visible_schedule(call, conn, name)
        if request.args is not None:
            args = read_args(request.args)
            check_tasks(overridden(schedule, args), await call.services.catalogue.get())
        done = await commands.request_run(conn, name=name, request=request)
    if isinstance(done, Replay):
        assert idempotency is not None
        require_same(done, idempotency)
        return _accepted(name, commands.requested(done.answer), REPLAYED)
    return _accepted(name, done, {})


def _accepted(name: str, done: Requested, headers: dict[str, str]) -> web.Response:
    located = {"Location": f"/v1/schedules/{name}/runs/{done.run_id}", **headers}
    body = RunAccepted(done.run_id, done.paused, done.note)
    return json_response(body, status=202, headers=located)


async def backfill(call: Call) -> web.Response:
    """The planned times are looked for in a thread: there may be thousands."""
    name = schedule_name_of(call.request)
    body = decode(_BACKFILL, await read_body(call.request) or b"{}")
    _check_range(body, datetime.now(UTC))
    async with call.services.connection() as conn:
        schedule = await visible_schedule(call, conn, name)
    times = await asyncio.to_thread(
        planned_times, definition_of(schedule), start=body.start, end=body.end, schedule_id=schedule.id
    )
    request = BackfillRequest(
        start=body.start,
        end=body.end,
        times=times,
        actor=call.key.name,
        reason=body.reason,
        concurrency=body.concurrency,
        request_id=call.request_id,
    )
    async with call.services.connection() as conn:
        done = await commands.request_backfill(conn, name=name, request=request)
    return json_response(BackfillAccepted(done.backfill_id, done.runs), status=202)


def _check_range(body: NewBackfill, now: datetime) -> None:
    if body.start.year not in YEARS:
        raise invalid("from", f"its year is not between {YEARS.start} and {YEARS.stop - 1}")
    if body.end <= body.start:
        raise invalid("to", "is not after from")
    if body.end > now:
        raise invalid("to", "lies in the future")


async def runs(call: Call) -> web.Response:
    query = read_query(call.request, ListRuns)
    async with call.services.connection() as conn:
        schedule = await visible_schedule(call, conn, schedule_name_of(call.request))
        secret = call.key.hash
        filters = msgspec.json.encode(["runs", schedule.id, query.state, query.trigger])
        before = read_cursor(query.cursor, secret=secret, filters=filters) if query.cursor else None
        found = await list_runs(
            conn,
            schedule_id=schedule.id,
            state=query.state,
            trigger=query.trigger,
            before_id=before,
            limit=query.limit + 1,
        )
    items, more = found[: query.limit], len(found) > query.limit
    cursor = make_cursor(items[-1].id, secret=secret, filters=filters) if more else None
    return json_response(RunPage(items, cursor))


async def run(call: Call) -> web.Response:
    """A target may have been another then: members that the key may not see are not listed."""
    text = call.request.match_info["run_id"]
    async with call.services.connection() as conn:
        schedule = await visible_schedule(call, conn, schedule_name_of(call.request))
        found = await get_run(conn, schedule_id=schedule.id, run_id=int(text)) if is_id(text) else None
        if found is None:
            raise RunNotFound(f"{schedule.name} has no run {text[:40]}")
        members = await list_members(conn, run_id=found.id)
    return json_response(RunDetail(found, [m for m in members if call.key.sees_task(m.task)]))
