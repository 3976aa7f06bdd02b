"""`onewriter sql`."""

from __future__ import annotations

import rich_click as click

from app.schema.ddl import script
from app.settings import Settings


@click.command
def sql() -> None:
    """Print all DDL and grants without connecting, for review."""
    click.echo(script(Settings().role_prefix))
