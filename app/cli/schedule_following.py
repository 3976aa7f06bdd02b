"""Follows a run to its end, with how many of its jobs have ended."""

from __future__ import annotations

from app.cli.following import Quiet, shown
from app.database.pool import Connection
from app.errors import RunNotFound
from app.queries.schedules import Run, get_run

ENDED = frozenset({"finished", "skipped"})
# ow_job tells of every change of a run and its jobs; a signal lost costs this many seconds.
_LOOK_AGAIN = 5.0


async def follow(conn: Connection, *, schedule_id: int, run_id: int, quiet: bool) -> Run:
    """The run as it ended. Raises RunNotFound if it is deleted meanwhile."""
    await conn.execute("listen ow_job")  # before the first look, so that no end falls between
    with shown(quiet=quiet) as view:
        while (run := await _look(conn, schedule_id, run_id)).state not in ENDED:
            _show(view, run)
            async for _ in conn.notifies(timeout=_LOOK_AGAIN, stop_after=1):
                pass
        _show(view, run)
    return run


async def _look(conn: Connection, schedule_id: int, run_id: int) -> Run:
    run = await get_run(conn, schedule_id=schedule_id, run_id=run_id)
    if run is None:
        raise RunNotFound(f"the run {run_id} is gone")
    return run


def _show(view: Quiet, run: Run) -> None:
    view.show(_told(run), _ended(run), run.members)


def _told(run: Run) -> str:
    if run.state == "pending":
        return f"waiting ({run.note})" if run.note else "waiting"
    if run.state == "skipped":
        return f"skipped: {run.note}"
    failed = f", {run.failed} failed" if run.failed else ""
    return f"{run.outcome or 'running'}: {_ended(run)} of {run.members} jobs ended{failed}"


def _ended(run: Run) -> int:
    return (run.members or 0) - (run.open or 0)
