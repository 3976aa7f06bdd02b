"""`onewriter workers ls|show|drain|resume|rm|check|demo`, and `workers login …`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import rich_click as click

from app.cli.connection import actor, run_command
from app.cli.output import json_option, show_fields, show_json, show_rows
from app.cli.worker_logins import login
from app.cli.workers_demo import play
from app.commands import workers as commands
from app.database.pool import Connection
from app.errors import WorkerNotFound
from app.queries import workers as queries
from app.queries.workers import STATUSES, Status, Worker
from app.settings import Settings

# While waiting for jobs to end: ow_job tells of every change; a signal lost costs this many seconds.
_LOOK_AGAIN = 5.0
_COLUMNS = (
    "id",
    "name",
    "status",
    "region",
    "capacity",
    "sessions",
    "running",
    "draining_since",
    "last_heartbeat_at",
)
_JOBS = ("id", "task", "queue", "attempt", "started_at", "session")
_SESSIONS = ("id", "draining", "opened_at", "last_seen_at", "expires_at", "lost_at", "closed_at")

reason_option = click.option("--reason", help="Why; stands in the audit.")
worker_argument = click.argument("worker", metavar="WORKER")


@click.group
def workers() -> None:
    """Workers: the registry of those that open sessions, by id or name (host/name); and their logins."""


workers.add_command(login)


@workers.command
@click.option("--status", type=click.Choice(STATUSES))
@json_option
def ls(status: Status | None, as_json: bool) -> None:
    """List the workers with what each holds."""
    show_rows(run_command(lambda conn: _all(conn, status)), _COLUMNS, as_json=as_json)


@workers.command
@worker_argument
@click.option("--history", default=0, type=click.IntRange(0, 100), help="Heartbeats to show.")
@json_option
def show(worker: str, history: int, as_json: bool) -> None:
    """Show one worker with its sessions, running jobs and changes of status."""
    detail = run_command(lambda conn: _detail(conn, worker, history))
    if as_json:
        show_json(detail)
        return
    show_fields(detail["worker"])
    for name, columns in (
        ("sessions", _SESSIONS),
        ("running", _JOBS),
        ("transitions", ("at", "from_status", "to_status", "actor", "reason")),
        ("heartbeats", ("at", "session")),
    ):
        if detail[name]:
            click.echo(f"\n{name}")
            show_rows(detail[name], columns, as_json=False)


@workers.command
@worker_argument
@reason_option
@click.option("--wait", is_flag=True, help="Wait until it holds no job any more.")
@json_option
def drain(worker: str, reason: str | None, wait: bool, as_json: bool) -> None:
    """Hand out no more jobs to it; what it has it finishes. It stays connected."""

    async def command(conn: Connection) -> Worker:
        found = await _worker(conn, worker)
        await commands.drain(conn, worker_id=found.id, actor=actor(), reason=reason)
        return await (_idle(conn, found.id) if wait else _worker(conn, found.id))

    _report(run_command(command), as_json=as_json)


@workers.command
@worker_argument
@reason_option
@json_option
def resume(worker: str, reason: str | None, as_json: bool) -> None:
    """Hand out jobs to a drained worker again."""

    async def command(conn: Connection) -> Worker:
        found = await _worker(conn, worker)
        await commands.resume(conn, worker_id=found.id, actor=actor(), reason=reason)
        return await _worker(conn, found.id)

    _report(run_command(command), as_json=as_json)


@workers.command
@worker_argument
@reason_option
def rm(worker: str, reason: str | None) -> None:
    """Take a worker without a live session out of the registry, with its history."""

    async def command(conn: Connection) -> None:
        found = await _worker(conn, worker)
        await commands.remove(conn, worker_id=found.id, actor=actor(), reason=reason)

    run_command(command)
    click.echo(f"removed {worker}", err=True)


@workers.command
@json_option
def check(as_json: bool) -> None:
    """Run the three transitions once, as the scheduler does, and print whom they moved."""
    moved = run_command(_check)
    if as_json:
        show_json(moved)
        return
    for transition, names in moved.items():
        click.echo(f"{transition:<20}  {', '.join(names) or '-'}")


@workers.command
def demo() -> None:
    """Play a worker's life in a few seconds: heartbeat, active, stale, offline, back; then remove it."""
    run_command(lambda conn: play(conn, say=click.echo))


async def _all(conn: Connection, status: Status | None) -> list[Worker]:
    found: list[Worker] = []
    while page := await queries.list_workers(
        conn, status=status, after_id=found[-1].id if found else 0, limit=500
    ):
        found += page
    return found


async def _worker(conn: Connection, worker: str | int) -> Worker:
    """By id or by name. Raises WorkerNotFound."""
    by_id = isinstance(worker, int) or (worker.isascii() and worker.isdigit() and len(worker) < 19)
    found = await queries.get_worker(conn, worker=int(worker) if by_id else worker)
    if found is None:
        raise WorkerNotFound(f"there is no worker {worker}")
    return found


async def _detail(conn: Connection, worker: str, history: int) -> dict[str, Any]:
    found = await _worker(conn, worker)
    return {
        "worker": asdict(found),
        "sessions": await queries.list_sessions(conn, worker_id=found.id),
        "running": await queries.list_running(conn, worker_id=found.id),
        "transitions": await queries.list_transitions(conn, worker_id=found.id),
        "heartbeats": await queries.list_heartbeats(conn, worker_id=found.id, limit=history),
    }


async def _idle(conn: Connection, worker_id: int) -> Worker:
    await conn.execute("listen ow_job")  # before the first look, so that no end falls between
    while (found := await _worker(conn, worker_id)).running:
        async for _ in conn.notifies(timeout=_LOOK_AGAIN, stop_after=1):
            pass
        await asyncio.sleep(0.05)  # others' jobs signal too
    return found


async def _check(conn: Connection) -> dict[str, list[str]]:
    after = timedelta(seconds=Settings().stale_after)
    return {
        "pending -> active": (await commands.activate_pending(conn, actor=actor())).moved,
        "active -> offline": (await commands.retire_stale(conn, actor=actor(), after=after)).moved,
        "offline -> active": (await commands.reactivate_offline(conn, actor=actor())).moved,
    }


def _report(worker: Worker, *, as_json: bool) -> None:
    if as_json:
        show_json(worker)
    else:
        show_fields(asdict(worker))
