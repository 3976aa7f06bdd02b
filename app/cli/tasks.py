"""`onewriter tasks publish|ls`."""

from __future__ import annotations

from typing import IO

import rich_click as click

from app.cli.connection import actor, as_server, run_command
from app.cli.output import json_option, show_json, show_rows
from app.commands.tasks import Changes, Published, publish_tasks


@click.group
def tasks() -> None:
    """The catalogue: what the workers can run."""


@tasks.command
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--source", required=True, help="Whose they are; only this source's are replaced.")
@json_option
def publish(file: IO[bytes], source: str, as_json: bool) -> None:
    """Store the tasks and schedules that `python -m worker.catalogue` printed into FILE (or - for stdin)."""
    catalogue = file.read()
    published = run_command(
        lambda conn: publish_tasks(conn, source=source, catalogue=catalogue, actor=actor())
    )
    if as_json:
        show_json(published)
    else:
        _report(published)


@tasks.command
@json_option
def ls(as_json: bool) -> None:
    """List the published tasks."""
    with as_server() as conn:
        rows = conn.execute("select * from server_api.task order by name").fetchall()
    show_rows(
        rows, ("name", "source", "queue", "priority", "timeout", "max_attempts", "group"), as_json=as_json
    )


def _report(published: Published) -> None:
    _report_changes(published)
    if published.schedules is not None:
        _report_changes(published.schedules, "schedule ")


def _report_changes(changes: Changes, kind: str = "") -> None:
    for verb in ("added", "changed", "removed"):
        for name in getattr(changes, verb):
            click.echo(f"{verb:<8} {kind}{name}")
    click.echo(f"{changes.unchanged} {kind}unchanged", err=True)
