"""`onewriter doctor`."""

from __future__ import annotations

import rich_click as click
from psycopg.conninfo import conninfo_to_dict

from app.cli.connection import admin_dsn, domain_admin_dsn
from app.cli.output import json_option, show_json
from app.schema.doctor import Domain, examine
from app.schema.finding import Finding
from app.settings import Settings


@click.command
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look the installation over; exit 1 with findings. Each comes with the line that mends it."""
    settings = Settings()
    server = settings.database_url if "database_url" in settings.model_fields_set else None
    findings = examine(
        admin_dsn(settings), server_dsn=server, domain=domain_of(settings), role_prefix=settings.role_prefix
    )
    ctx.exit(show_findings(findings, as_json=as_json))


def show_findings(findings: list[Finding], *, as_json: bool) -> int:
    """The exit code: 1 with findings."""
    if as_json:
        show_json(findings)
    for finding in () if as_json else findings:
        click.echo(f"- {finding.problem}\n    {finding.mend}")
    click.echo(f"{len(findings)} findings" if findings else "clean", err=True)
    return 1 if findings else 0


def domain_of(settings: Settings, domain_dsn: str | None = None) -> Domain | None:
    """Where the domain is, if it is in a database of its own."""
    dsn = domain_dsn or settings.domain_database_url
    if not dsn:
        return None
    return Domain(domain_admin_dsn(settings, dsn), str(conninfo_to_dict(dsn).get("user", "")))
