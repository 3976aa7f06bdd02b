"""`onewriter tasks publish|ls`."""

from __future__ import annotations

from typing import IO, Any

import rich_click as click

from app.cli.connection import actor, as_server
from app.cli.output import json_option, show_json, show_rows


@click.group
def tasks() -> None:
    """The catalogue: what the workers can run."""


@tasks.command
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-")
@click.option("--source", required=True, help="Whose tasks these are; only this source's are replaced.")
@json_option
def publish(file: IO[str], source: str, as_json: bool) -> None:
    """Store the tasks that `python -m worker.catalogue` printed into FILE (or - for stdin)."""
    with as_server() as conn:
        answer = conn.execute(
            "select server_api.publish_tasks(%s, %s, %s) as answer", [source, file.read(), actor()]
        ).fetchone()
    _report(answer["answer"] if answer else {}, as_json=as_json)


@tasks.command
@json_option
def ls(as_json: bool) -> None:
    """List the published tasks."""
    with as_server() as conn:
        rows = conn.execute("select * from server_api.task order by name").fetchall()
    show_rows(rows, ("name", "source", "queue", "priority", "timeout", "max_attempts"), as_json=as_json)


def _report(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(answer)
        return
    for verb in ("added", "changed", "removed"):
        for name in answer.get(verb, ()):
            click.echo(f"{verb:<8} {name}")
    click.echo(f"{answer.get('unchanged', 0)} unchanged", err=True)
