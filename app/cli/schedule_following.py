"""Follows a run to its end: a bar over its jobs on a terminal, a line per change elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rich_click as click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.database.pool import Connection
from app.errors import RunNotFound
from app.queries.schedules import Run, get_run

ENDED = frozenset({"finished", "skipped"})
# ow_job tells of every change of a run and its jobs; a signal lost costs this many seconds.
_LOOK_AGAIN = 5.0

Show = Callable[[Run], None]


async def follow(conn: Connection, *, schedule_id: int, run_id: int, quiet: bool) -> Run:
    """The run as it ended. Raises RunNotFound if it is deleted meanwhile."""
    await conn.execute("listen ow_job")  # before the first look, so that no end falls between
    with _shown(quiet=quiet) as show:
        while (run := await _look(conn, schedule_id, run_id)).state not in ENDED:
            show(run)
            async for _ in conn.notifies(timeout=_LOOK_AGAIN, stop_after=1):
                pass
        show(run)
    return run


async def _look(conn: Connection, schedule_id: int, run_id: int) -> Run:
    run = await get_run(conn, schedule_id=schedule_id, run_id=run_id)
    if run is None:
        raise RunNotFound(f"the run {run_id} is gone")
    return run


@contextmanager
def _shown(*, quiet: bool) -> Iterator[Show]:
    if quiet:
        yield lambda _: None
    elif not sys.stdout.isatty():
        yield _lines()
    else:
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        ) as progress:
            yield _bar(progress)


def _lines() -> Show:
    said = ""

    def show(run: Run) -> None:
        nonlocal said
        if (line := _told(run)) != said:
            said = line
            click.echo(line)

    return show


def _bar(progress: Progress) -> Show:
    task = progress.add_task("", total=None)

    def show(run: Run) -> None:
        progress.update(task, description=_told(run), total=run.members, completed=_ended(run))

    return show


def _told(run: Run) -> str:
    if run.state == "pending":
        return f"waiting ({run.note})" if run.note else "waiting"
    if run.state == "skipped":
        return f"skipped: {run.note}"
    failed = f", {run.failed} failed" if run.failed else ""
    return f"{run.outcome or 'running'}: {_ended(run)} of {run.members} jobs ended{failed}"


def _ended(run: Run) -> int:
    return (run.members or 0) - (run.open or 0)
