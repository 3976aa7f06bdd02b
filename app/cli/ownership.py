"""`onewriter ownership`."""

from __future__ import annotations

import rich_click as click

from app.cli.output import json_option, show_json
from app.errors import NotFound
from app.schema.ownership import Ownership, Transition, transitions
from app.schema.ownership import ownership as who_writes
from app.schema.roles import with_prefix
from app.schema.sqlfiles import read_contract
from app.settings import Settings

JOBS = "procrastinate.procrastinate_jobs"


@click.command
@click.argument("table", required=False)
@json_option
def ownership(table: str | None, as_json: bool) -> None:
    """Show which functions write each column and which make each change of a job's status.

    With TABLE only that table. Reads sql/ and needs no database; inspect.writers says the same of a live one.
    """
    files = read_contract()
    columns = [
        row for row in who_writes(files) if table is None or table in {row.table, row.table.split(".")[1]}
    ]
    if not columns:
        raise NotFound(f"no table of onewriter is called {table}")
    changes = transitions(files) if table in {None, JOBS, JOBS.split(".")[1]} else []
    if as_json:
        show_json({"columns": columns, "transitions": changes})
    else:
        _print_columns(columns)
        _print_transitions(changes)


def _print_columns(columns: list[Ownership]) -> None:
    prefix = Settings().role_prefix
    previous = None
    for row in columns:
        if row.table != previous:
            click.echo(f"{row.table}")
            previous = row.table
        callers = with_prefix(", ".join(row.callers), prefix)
        click.echo(f"  {row.column:<16} {', '.join(row.written_by)}  <- {callers or 'nobody'}")


def _print_transitions(changes: list[Transition]) -> None:
    if not changes:
        return
    click.echo("procrastinate.procrastinate_jobs.status, from -> to")
    for change in changes:
        click.echo(f"  {change.before:>9} -> {change.after:<9}  {', '.join(change.made_by)}")
