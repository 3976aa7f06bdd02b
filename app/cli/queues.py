"""`onewriter queues ls|pause|resume`."""

from __future__ import annotations

import rich_click as click

from app.cli.connection import actor, as_server
from app.cli.output import json_option, show_rows

reason_option = click.option("--reason", required=True, help="Why; stands in the audit.")


@click.group
def queues() -> None:
    """Queues: made by their first job, paused and resumed by hand."""


@queues.command
@json_option
def ls(as_json: bool) -> None:
    """List the queues with what waits in each."""
    with as_server() as conn:
        rows = conn.execute("select * from inspect.queues order by queue").fetchall()
    columns = tuple(rows[0]) if rows else ("queue",)
    show_rows(rows, columns, as_json=as_json)


@queues.command
@click.argument("name")
@reason_option
def pause(name: str, reason: str) -> None:
    """Hand out no more jobs of this queue; running ones go on."""
    with as_server() as conn:
        conn.execute("select server_api.pause_queue(%s, %s, %s)", [name, actor(), reason])


@queues.command
@click.argument("name")
@reason_option
def resume(name: str, reason: str) -> None:
    """Hand out this queue's jobs again."""
    with as_server() as conn:
        conn.execute("select server_api.resume_queue(%s, %s, %s)", [name, actor(), reason])
