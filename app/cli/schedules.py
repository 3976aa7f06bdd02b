"""`onewriter schedules ls|show|create|edit|rm|pause|resume|preview`; its runs are in schedule_runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import rich_click as click

from app.cli.connection import actor, run_command
from app.cli.output import json_option, show_fields, show_json, show_rows
from app.cli.schedule_options import definition_options, given_fields
from app.cli.schedule_runs import RUN_COLUMNS, backfill, find_schedule, name_argument, run_now, runs
from app.cli.values import moment
from app.commands import schedules as commands
from app.commands.catalogue import make_catalogue
from app.commands.definitions import TICK, check_tasks, definition_of, patched
from app.commands.schedules import ABSENT, Put
from app.database.pool import Connection
from app.errors import Invalid
from app.queries import schedules as queries
from app.queries.schedules import Schedule
from app.queries.tasks import list_tasks
from app.schedules import Definition, Fire, decode_definition, encode_definition, fires, words

_COLUMNS = ("name", "when", "target", "state", "next_fire_at", "last_fire_at", "last_outcome", "origin")
_SHOWN_RUNS = 5

reason_option = click.option("--reason", help="Why; stands in the audit.")


@click.group
def schedules() -> None:
    """Schedules: what fires when, what became of it, and a run now."""


for command in (runs, run_now, backfill):
    schedules.add_command(command)


@schedules.command
@json_option
def ls(as_json: bool) -> None:
    """List the schedules with their next fire."""
    show_rows(map(_row, run_command(_all)), _COLUMNS, as_json=as_json)


@schedules.command
@name_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one schedule with its newest runs."""

    async def command(conn: Connection) -> tuple[Schedule, list[queries.Run]]:
        found = await find_schedule(conn, name)
        return found, await queries.list_runs(conn, schedule_id=found.id, limit=_SHOWN_RUNS)

    found, newest = run_command(command)
    if as_json:
        show_json({**_row(found), "runs": newest})
        return
    show_fields(_row(found))
    if newest:
        click.echo("\nruns")
        show_rows(newest, RUN_COLUMNS, as_json=False)


@schedules.command
@name_argument
@definition_options
@reason_option
@json_option
def create(name: str, reason: str | None, as_json: bool, **options: Any) -> None:
    """Make a schedule. It is checked as the API does it: tasks must be published and take the arguments."""
    definition = decode_definition(given_fields(**options))
    put = run_command(lambda conn: _put(conn, name, definition, expected=ABSENT, reason=reason))
    _report(name, definition, put, as_json=as_json)


@schedules.command
@name_argument
@definition_options
@reason_option
@json_option
def edit(name: str, reason: str | None, as_json: bool, **options: Any) -> None:
    """Change what is given and leave the rest; --definition is a merge patch, in which null takes back."""
    patch = given_fields(**options)

    async def command(conn: Connection) -> tuple[Definition, Put]:
        found = await find_schedule(conn, name)
        definition = patched(found, patch)
        return definition, await _put(conn, name, definition, expected=found.revision, reason=reason)

    definition, put = run_command(command)
    _report(name, definition, put, as_json=as_json)


@schedules.command
@name_argument
@reason_option
def rm(name: str, reason: str | None) -> None:
    """Delete a schedule; its runs stay in the ledger, its jobs go on. A published one can only be paused."""
    _do(lambda conn: commands.remove_schedule(conn, name=name, actor=actor(), reason=reason))
    click.echo(f"removed {name}", err=True)


@schedules.command
@name_argument
@reason_option
def pause(name: str, reason: str | None) -> None:
    """Let it fire no more until it is resumed; open runs go on."""
    _do(lambda conn: commands.pause_schedule(conn, name=name, actor=actor(), reason=reason))


@schedules.command
@name_argument
@reason_option
def resume(name: str, reason: str | None) -> None:
    """Let it fire again; what was due in the pause is not made up for."""
    _do(lambda conn: commands.resume_schedule(conn, name=name, actor=actor(), reason=reason))


@schedules.command
@click.argument("name", required=False)
@definition_options
@click.option("--from", "since", type=moment, metavar="TIME", help="Fires from here on. [default: now]")
@click.option("--to", "until", type=moment, metavar="TIME", help="Fires before this.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 1000))
@json_option
def preview(
    name: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Show the next fires of a schedule, of it with these options instead, or of the options alone.

    Nothing is stored. Where the clocks are changed, `dst` tells what became of a fire.
    """
    definition = _previewed(name, given_fields(**options))
    coming = fires(definition, (since or datetime.now(UTC)) - TICK, until and until - TICK)
    _show_fires(definition, islice(coming, limit), as_json=as_json)


def _previewed(name: str | None, given: dict[str, Any]) -> Definition:
    if name is None:
        return decode_definition(given)
    found = run_command(lambda conn: find_schedule(conn, name))
    return patched(found, given) if given else definition_of(found)


def _show_fires(definition: Definition, coming: Iterable[Fire], *, as_json: bool) -> None:
    if as_json:
        rows = [{"planned_at": fire.planned, "local": fire.wall, "dst": fire.dst} for fire in coming]
        show_json({"words": words(definition), "timezone": definition.timezone, "fires": rows})
        return
    click.echo(words(definition), err=True)
    columns = ("planned_at", "local", "dst")
    cells = [(fire.planned, f"{fire.wall:%a %Y-%m-%d %H:%M:%S %z}", fire.dst) for fire in coming]
    show_rows([dict(zip(columns, row, strict=True)) for row in cells], columns, as_json=False)


async def _all(conn: Connection) -> list[Schedule]:
    found: list[Schedule] = []
    while page := await queries.list_schedules(conn, after_id=found[-1].id if found else 0):
        found += page
    return found


async def _put(
    conn: Connection, name: str, definition: Definition, *, expected: int, reason: str | None
) -> Put:
    check_tasks(definition, make_catalogue(await list_tasks(conn)))
    encoded = encode_definition(definition)
    return await commands.put_schedule(
        conn, name=name, definition=encoded, actor=actor(), expected=expected, reason=reason
    )


def _do(command: Callable[[Connection], Awaitable[None]]) -> None:
    run_command(command)


def _report(name: str, definition: Definition, put: Put, *, as_json: bool) -> None:
    if as_json:
        show_json(put)
    else:
        click.echo(f"{'created' if put.created else 'changed'} {name}, revision {put.revision}")
        click.echo(words(definition), err=True)


def _row(found: Schedule) -> dict[str, Any]:
    """What people look at goes first."""
    told = {"name": found.name, "when": _when(found), "target": _target(found), "state": found.state}
    return told | asdict(found)


def _when(found: Schedule) -> str | None:
    """None for one that was put past our checks, in psql; its plan_error says why it does not fire."""
    try:
        return words(definition_of(found))
    except Invalid:
        return None


def _target(found: Schedule) -> str:
    ((kind, value),) = found.effective["target"].items()
    names = ", ".join(value) if isinstance(value, list) else value
    return "all tasks" if kind == "all" else f"group {names}" if kind == "group" else names
