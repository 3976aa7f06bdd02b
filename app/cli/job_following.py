"""`onewriter jobs history|logs|follow`: what happened to a job, what it says, and how far it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import msgspec
import rich_click as click

from app.cli.connection import run_command
from app.cli.following import Quiet, shown
from app.cli.output import json_option, show_rows
from app.database.pool import Connection
from app.errors import JobGone, JobNotFound
from app.queries.history import HistoryEvent, list_history
from app.queries.jobs import is_gone
from app.queries.notes import START, JobStream, Note, Position, get_stream, list_notes

_COLUMNS = ("at", "type", "attempt", "worker", "actor", "reason", "detail")
_PAGE = 500
# ow_job tells of every change but that a run has begun; a signal lost costs as many seconds.
_LOOK_AGAIN = 2.0

job_argument = click.argument("job_id", type=int)


@click.command
@job_argument
@json_option
def history(job_id: int, as_json: bool) -> None:
    """Show everything that happened to a job: who, what, when and why."""

    async def command(conn: Connection) -> list[HistoryEvent]:
        await _look(conn, job_id)
        return await list_history(conn, job_id=job_id)

    show_rows(run_command(command), _COLUMNS, as_json=as_json)


@click.command
@job_argument
@click.option("--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per line.")
def logs(job_id: int, follow: bool, as_json: bool) -> None:
    """Show what a job has logged."""

    async def command(conn: Connection) -> None:
        async for _, notes in _heard(conn, job_id, once=not follow):
            for note in _logs(notes):
                click.echo(msgspec.json.encode(_as_json(note)).decode() if as_json else _line(note))

    run_command(command)


@click.command
@job_argument
@click.pass_context
def follow(ctx: click.Context, job_id: int) -> None:
    """Follow a job to its end: its state, its progress, its logs. Exit 0 if it succeeded, 1 if not."""

    async def command(conn: Connection) -> str:
        with shown(quiet=False) as view:
            async for stream, notes in _heard(conn, job_id):
                _show(view, stream, notes)
        return stream.status

    ctx.exit(0 if run_command(command) == "succeeded" else 1)


async def _heard(
    conn: Connection, job_id: int, *, once: bool = False
) -> AsyncIterator[tuple[JobStream, list[Note]]]:
    """How the job stands and what is new, page by page until it has ended and all was told."""
    await conn.execute("listen ow_job")  # before the first look, so that no end falls between
    position = START
    while True:
        stream = await _look(conn, job_id)
        while notes := await _behind(conn, stream, position):
            yield stream, notes
            position = notes[-1].position
        yield stream, []
        if stream.final or once:
            return
        async for _ in conn.notifies(timeout=_LOOK_AGAIN, stop_after=1):
            pass


async def _behind(conn: Connection, stream: JobStream, position: Position) -> list[Note]:
    if position >= stream.position:
        return []
    return await list_notes(conn, job_id=stream.id, after=position, until=stream.position, limit=_PAGE)


async def _look(conn: Connection, job_id: int) -> JobStream:
    stream = await get_stream(conn, job_id=job_id)
    if stream is None:
        if await is_gone(conn, job_id=job_id):
            raise JobGone(f"the job {job_id} is gone: deleted, or pruned at its age")
        raise JobNotFound(f"there is no job {job_id}")
    return stream


def _show(view: Quiet, stream: JobStream, notes: list[Note]) -> None:
    for note in _logs(notes):
        view.say(_line(note))
    told = stream.progress or {}
    done, total = (_number(told.get(name)) for name in ("current", "total"))
    far = f" {done:g} of {total:g}" if done is not None and total else ""
    words = [stream.status, f"run {stream.attempt}" if stream.attempt > 1 else "", stream.reason or ""]
    text = ", ".join(word for word in words if word) + far
    view.show(f"{text}: {told['message']}" if told.get("message") else text, done or 0, total)


def _logs(notes: list[Note]) -> list[Note]:
    return [note for note in notes if note.kind == "log"]


def _line(note: Note) -> str:
    fields = {name: value for name, value in note.data.items() if name not in ("level", "message")}
    at = note.at.astimezone().isoformat(sep=" ", timespec="milliseconds")
    rest = f"  {msgspec.json.encode(fields).decode()}" if fields else ""
    return f"{at}  {note.data.get('level', 'info'):<7}  {note.data.get('message')}{rest}"


def _as_json(note: Note) -> dict[str, Any]:
    return {"id": str(note.position), **asdict(note)}


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None
