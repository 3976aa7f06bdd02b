"""`onewriter doctor`."""

from __future__ import annotations

import rich_click as click

from app.cli.connection import admin_dsn
from app.cli.output import json_option, show_json
from app.schema.doctor import examine
from app.settings import Settings


@click.command
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look the installation over; exit 1 with findings. Each comes with the line that mends it."""
    settings = Settings()
    server = settings.database_url if "database_url" in settings.model_fields_set else None
    findings = examine(admin_dsn(settings), server_dsn=server, role_prefix=settings.role_prefix)
    if as_json:
        show_json(findings)
    for finding in () if as_json else findings:
        click.echo(f"- {finding.problem}\n    {finding.mend}")
    click.echo(f"{len(findings)} findings" if findings else "clean", err=True)
    ctx.exit(1 if findings else 0)
