"""`onewriter alerts ls`."""

from __future__ import annotations

import rich_click as click

from app.cli.connection import as_server
from app.cli.output import json_option, show_json


@click.group
def alerts() -> None:
    """What needs somebody, with what to do about it."""


@alerts.command
@json_option
@click.pass_context
def ls(ctx: click.Context, as_json: bool) -> None:
    """List the active alerts; exit 1 if there are any."""
    with as_server() as conn:
        rows = conn.execute("select * from inspect.alerts").fetchall()
    if as_json:
        show_json(rows)
    for row in () if as_json else rows:
        click.echo(f"- {row['severity']}: {row['detail']}\n    {row['remedy']}")
    click.echo(f"{len(rows)} alerts" if rows else "all is well", err=True)
    ctx.exit(1 if rows else 0)
