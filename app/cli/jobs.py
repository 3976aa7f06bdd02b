"""`onewriter jobs ls|show|children|history|logs|follow|cancel|retry|run-now|rm`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import rich_click as click

from app.cli.connection import Connection, actor, as_server, notify, run_command
from app.cli.job_following import follow, history, logs
from app.cli.output import json_option, show_fields, show_json, show_rows
from app.commands import operate
from app.commands.operate import Operated
from app.database.pool import Connection as AsyncConnection
from app.errors import JobGone, JobNotFound, NotFound
from app.queries.flows import Child, Flow, list_children, list_flows

STATUSES = ("scheduled", "waiting", "ready", "running", "succeeded", "failed", "cancelled", "aborted")
FINISHED = frozenset({"succeeded", "failed", "cancelled", "aborted"})
# While waiting for an end: ow_job tells of every change; a signal lost costs this many seconds.
_LOOK_AGAIN = 5.0
_MOST_CHILDREN = 1000
_COLUMNS = ("id", "task", "queue", "status", "attempts", "run_at", "created_at", "finished_at", "reason")

wait_option = click.option("--wait", is_flag=True, help="Wait for the end: exit 0 if it succeeded, 1 if not.")


@click.group
def jobs() -> None:
    """Jobs: look at them, cancel, retry, run now, delete."""


for _command in (history, logs, follow):
    jobs.add_command(_command)


@jobs.command
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--queue")
@click.option("--task")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@json_option
def ls(status: str | None, queue: str | None, task: str | None, limit: int, as_json: bool) -> None:
    """List the newest jobs."""
    with as_server() as conn:
        rows = conn.execute(
            """select * from server_api.job
               where (%(status)s::text is null or status = %(status)s)
                 and (%(queue)s::text is null or queue = %(queue)s)
                 and (%(task)s::text is null or task = %(task)s)
               order by id desc limit %(limit)s""",
            {"status": status, "queue": queue, "task": task, "limit": limit},
        ).fetchall()
    show_rows(rows, _COLUMNS, as_json=as_json)


@jobs.command
@click.argument("job_id", type=int)
@wait_option
@json_option
@click.pass_context
def show(ctx: click.Context, job_id: int, wait: bool, as_json: bool) -> None:
    """Show one job with its attempts."""
    with as_server() as conn:
        job = _wait_for_end(conn, job_id) if wait else _job(conn, job_id)
        runs = conn.execute("select * from server_api.attempt where job_id = %s order by claim_no", [job_id])
        attempts = runs.fetchall()
    if as_json:
        show_json({**job, "attempt_list": attempts})
    else:
        show_fields(job)
        if attempts:
            columns = (
                "attempt",
                "status",
                "reason",
                "worker",
                "started_at",
                "finished_at",
                "result",
                "error",
            )
            show_rows(attempts, columns, as_json=False)
    _exit_with(ctx, job, wait=wait)


@jobs.command
@click.argument("job_id", type=int)
@click.option("--reason", help="Why; stands among the job's events.")
@click.option("--children", is_flag=True, help="What follows from it too, where it has ended.")
@json_option
def cancel(job_id: int, reason: str | None, children: bool, as_json: bool) -> None:
    """Cancel a waiting job now, ask a running one to abort; cancel what waits behind it."""
    done = run_command(
        lambda conn: operate.cancel(conn, job_id=job_id, actor=actor(), reason=reason, children=children)
    )
    _report({**_signalled(done), "children": asdict(done.children)}, as_json=as_json)


@jobs.command
@click.argument("job_id", type=int)
@json_option
def children(job_id: int, as_json: bool) -> None:
    """List the jobs and the flows that follow from a job's end."""

    async def read(conn: AsyncConnection) -> tuple[list[Child], list[Flow]]:
        return (
            await list_children(conn, job_id=job_id, limit=_MOST_CHILDREN),
            await list_flows(conn, parent_id=job_id),
        )

    with as_server() as conn:
        _job(conn, job_id)  # says so if there is none
    items, flows = run_command(read)
    if as_json:
        show_json({"items": items, "flows": flows})
        return
    show_rows(items, ("id", "task", "queue", "status", "flow_id", "created_at"), as_json=False)
    if flows:
        columns = (
            "id",
            "kind",
            "state",
            "members",
            "started",
            "succeeded",
            "failed",
            "callback_job_id",
            "error",
        )
        show_rows(flows, columns, as_json=False)


@jobs.command
@click.argument("job_id", type=int)
@click.option("--reason", help="Why; stands among the job's events.")
@wait_option
@json_option
@click.pass_context
def retry(ctx: click.Context, job_id: int, reason: str | None, wait: bool, as_json: bool) -> None:
    """Give a failed, cancelled or aborted job one more run under the same id."""
    done = run_command(lambda conn: operate.retry(conn, job_id=job_id, actor=actor(), reason=reason))
    _finish(ctx, _signalled(done), wait=wait, as_json=as_json)


@jobs.command("run-now")
@click.argument("job_id", type=int)
@click.option("--reason", required=True, help="Why; stands in the audit.")
@wait_option
@json_option
@click.pass_context
def run_now(ctx: click.Context, job_id: int, reason: str, wait: bool, as_json: bool) -> None:
    """Run a scheduled job now, or a finished one again as a new job."""
    done = run_command(lambda conn: operate.run_now(conn, job_id=job_id, actor=actor(), reason=reason))
    _finish(ctx, _signalled(done), wait=wait, as_json=as_json)


@jobs.command
@click.argument("job_id", type=int)
@click.option("--reason", help="Why; stands in the audit.")
@json_option
def rm(job_id: int, reason: str | None, as_json: bool) -> None:
    """Delete a finished job with its attempts and events, for good."""
    done = run_command(lambda conn: operate.remove(conn, job_id=job_id, actor=actor(), reason=reason))
    _report(_signalled(done), as_json=as_json)


def _signalled(done: Operated) -> dict[str, Any]:
    """What the verb answered, once the workers are signalled."""
    with as_server() as conn:
        notify(conn, done.wake)
    return {"job_id": done.job_id, "status": done.status, "created": done.created}


def _finish(ctx: click.Context, answer: dict[str, Any], *, wait: bool, as_json: bool) -> None:
    if not wait:
        _report(answer, as_json=as_json)
        return
    with as_server() as conn:
        job = _wait_for_end(conn, answer["job_id"])
    _report({**answer, "status": job["status"], "reason": job["reason"]}, as_json=as_json)
    _exit_with(ctx, job, wait=True)


def _report(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(answer)
    else:
        show_fields(answer)


def _exit_with(ctx: click.Context, job: dict[str, Any], *, wait: bool) -> None:
    if wait:
        ctx.exit(0 if job["status"] == "succeeded" else 1)


def _job(conn: Connection, job_id: int) -> dict[str, Any]:
    row = conn.execute("select * from server_api.job where id = %s", [job_id]).fetchone()
    if row is None:
        raise _missing(conn, job_id)
    return row


def _missing(conn: Connection, job_id: int) -> NotFound:
    row = conn.execute("select server_api.is_gone(%s) as gone", [job_id]).fetchone()
    if row and row["gone"]:
        return JobGone(f"the job {job_id} is gone: deleted, or pruned at its age")
    return JobNotFound(f"there is no job {job_id}")


def _wait_for_end(conn: Connection, job_id: int) -> dict[str, Any]:
    conn.execute("listen ow_job")  # before the first look, so that no end falls between
    while (job := _job(conn, job_id))["status"] not in FINISHED:
        for _ in conn.notifies(timeout=_LOOK_AGAIN, stop_after=1):
            pass
    return job
