"""`onewriter schedules runs|run-now|backfill`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, get_args

import msgspec
import rich_click as click

from app.cli.connection import actor, run_command
from app.cli.output import json_option, show_fields, show_json, show_rows
from app.cli.schedule_following import follow
from app.cli.values import json_object, moment
from app.commands import schedules as commands
from app.commands.catalogue import make_catalogue
from app.commands.definitions import check_tasks, definition_of, overridden, planned_times
from app.commands.schedules import Backfilled, BackfillRequest, Requested, RunRequest
from app.database.pool import Connection
from app.errors import RunNotFound, ScheduleNotFound
from app.queries import schedules as queries
from app.queries.schedules import Member, Run, RunState, Schedule, Trigger
from app.queries.tasks import list_tasks

RUN_COLUMNS = (
    *("id", "trigger", "state", "outcome", "planned_at", "started_at", "duration", "members", "succeeded"),
    *("failed", "missed", "actor", "note"),
)
_MEMBERS = ("n", "task", "job_id", "status", "ended_at", "error")

name_argument = click.argument("name")
reason_option = click.option("--reason", required=True, help="Why; stands in the run and in the audit.")


@click.command
@name_argument
@click.argument("run_id", required=False, type=int)
@click.option("--state", type=click.Choice(get_args(RunState)))
@click.option("--trigger", type=click.Choice(get_args(Trigger)))
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@json_option
def runs(
    name: str, run_id: int | None, state: RunState | None, trigger: Trigger | None, limit: int, as_json: bool
) -> None:
    """List the newest runs of a schedule, or show one with its members."""
    if run_id is not None:
        _show_run(*run_command(lambda conn: _run(conn, name, run_id)), as_json=as_json)
        return

    async def command(conn: Connection) -> list[Run]:
        found = await find_schedule(conn, name)
        return await queries.list_runs(conn, schedule_id=found.id, state=state, trigger=trigger, limit=limit)

    show_rows(run_command(command), RUN_COLUMNS, as_json=as_json)


@click.command("run-now")
@name_argument
@reason_option
@click.option("--args", type=json_object, metavar="JSON", help="Over the schedule's own, for this run.")
@click.option("--force", is_flag=True, help="Even while another run is open.")
@click.option("--wait", is_flag=True, help="Follow it to its end: exit 0 if all succeeded, 1 if not.")
@json_option
@click.pass_context
def run_now(
    ctx: click.Context,
    name: str,
    reason: str,
    args: dict[str, Any] | None,
    force: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Run a schedule now, also a paused one; the scheduler inserts its jobs."""

    async def command(conn: Connection) -> tuple[Requested, Run | None]:
        found = await find_schedule(conn, name)
        requested = await _request(conn, found, args, reason=reason, force=force)
        if not as_json:
            _tell(name, requested)
        if not wait:
            return requested, None
        return requested, await follow(conn, schedule_id=found.id, run_id=requested.run_id, quiet=as_json)

    requested, run = run_command(command)
    if as_json:
        show_json(run or requested)
    if run:
        ctx.exit(0 if run.outcome == "succeeded" else 1)


@click.command
@name_argument
@click.option("--from", "start", type=moment, required=True, metavar="TIME", help="RFC 3339; belongs to it.")
@click.option("--to", "end", type=moment, required=True, metavar="TIME", help="RFC 3339; does not.")
@click.option(
    "--concurrency", default=1, show_default=True, type=click.IntRange(1, 100), help="Runs open at once."
)
@reason_option
@json_option
def backfill(name: str, start: datetime, end: datetime, concurrency: int, reason: str, as_json: bool) -> None:
    """Run a schedule for its planned times of a range, the oldest first."""

    async def command(conn: Connection) -> Backfilled:
        found = await find_schedule(conn, name)
        times = planned_times(definition_of(found), start=start, end=end, schedule_id=found.id)
        request = BackfillRequest(
            start=start, end=end, times=times, actor=actor(), reason=reason, concurrency=concurrency
        )
        return await commands.request_backfill(conn, name=name, request=request)

    made = run_command(command)
    if as_json:
        show_json(made)
    else:
        click.echo(f"backfill {made.backfill_id} of {name}: {made.runs} runs")


def _tell(name: str, requested: Requested) -> None:
    click.echo(f"run {requested.run_id} of {name}")
    if requested.note:
        click.echo(requested.note, err=True)


def _show_run(run: Run, members: list[Member], *, as_json: bool) -> None:
    if as_json:
        show_json({"run": run, "members": members})
        return
    show_fields(asdict(run))
    if members:
        click.echo("\nmembers")
        show_rows(members, _MEMBERS, as_json=False)


async def _request(
    conn: Connection, found: Schedule, args: dict[str, Any] | None, *, reason: str, force: bool
) -> Requested:
    if args is not None:
        check_tasks(overridden(found, args), make_catalogue(await list_tasks(conn)))
    raw = None if args is None else msgspec.Raw(msgspec.json.encode(args))
    request = RunRequest(actor=actor(), reason=reason, args=raw, force=force)
    requested = await commands.request_run(conn, name=found.name, request=request)
    assert isinstance(requested, Requested)  # without an Idempotency-Key there is no replay
    return requested


async def _run(conn: Connection, name: str, run_id: int) -> tuple[Run, list[Member]]:
    found = await find_schedule(conn, name)
    run = await queries.get_run(conn, schedule_id=found.id, run_id=run_id)
    if run is None:
        raise RunNotFound(f"{name} has no run {run_id}")
    return run, await queries.list_members(conn, run_id=run_id)


async def find_schedule(conn: Connection, name: str) -> Schedule:
    """Raises ScheduleNotFound."""
    found = await queries.get_schedule(conn, name=name)
    if found is None:
        raise ScheduleNotFound(f"there is no schedule {name}")
    return found
