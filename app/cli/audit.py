"""`onewriter audit ls`."""

from __future__ import annotations

import rich_click as click

from app.cli.connection import as_server
from app.cli.output import json_option, show_rows


@click.group
def audit() -> None:
    """Who did what by hand; append-only."""


@audit.command
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@json_option
def ls(limit: int, as_json: bool) -> None:
    """List the newest entries."""
    with as_server() as conn:
        rows = conn.execute("select * from server_api.audit order by id desc limit %s", [limit]).fetchall()
    show_rows(rows, ("at", "actor", "action", "target", "reason"), as_json=as_json)
