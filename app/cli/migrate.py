"""`onewriter migrate`."""

from __future__ import annotations

import rich_click as click

from app.cli.connection import admin_dsn, as_owner
from app.schema.environment import read_environment
from app.schema.migrate import migrate as bring_to_head
from app.schema.sqlfiles import read_contract
from app.settings import Settings


@click.command
def migrate() -> None:
    """Create roles and schemas, run the migrations, apply sql/. Touches only what is onewriter's own."""
    settings = Settings()
    bring_to_head(admin_dsn(settings), role_prefix=settings.role_prefix, environment=settings.environment)
    functions = sum(not file.is_view for file in read_contract())
    with as_owner() as conn:
        state = read_environment(conn).sentence()
    click.echo(f"schema at head, {functions} functions applied, {state}", err=True)
