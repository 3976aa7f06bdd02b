"""`onewriter domain grant|revoke|ls|prepare|check`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
import rich_click as click
from psycopg.conninfo import conninfo_to_dict

from app.cli.connection import admin_dsn, domain_admin_dsn
from app.cli.doctor import domain_of, show_findings
from app.cli.output import json_option, show_rows
from app.schema import domain as granting
from app.schema import inbox
from app.schema.doctor import examine_domain
from app.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


def where_option(command: Command) -> Command:
    return click.option(
        "--domain",
        "domain_dsn",
        metavar="DSN",
        help="The domain's database; ONEWRITER_DOMAIN_DATABASE_URL by default, without it the queue's own.",
    )(command)


@click.group
def domain() -> None:
    """Your own schemas: handlers write them, workers at most read them."""


@domain.command
@click.argument("schema")
@click.option("--read", "readers", multiple=True, metavar="ROLE", help="SELECT: a worker's login, or all.")
@click.option("--write", "writers", multiple=True, metavar="ROLE", help="As the handlers: your API's login.")
@where_option
def grant(schema: str, readers: tuple[str, ...], writers: tuple[str, ...], domain_dsn: str | None) -> None:
    """Let the handlers write SCHEMA, and others read it; tables to come included."""
    with _as_admin(domain_dsn) as conn:
        granting.grant(conn, schema, readers=readers, writers=writers, role_prefix=Settings().role_prefix)
        rows = [right for right in granting.list_rights(conn) if right.schema == schema]
    _show(rows, as_json=False)


@domain.command
@click.argument("schema")
@click.option(
    "--from", "roles", multiple=True, metavar="ROLE", help="Only theirs; by default handlers' and workers'."
)
@where_option
def revoke(schema: str, roles: tuple[str, ...], domain_dsn: str | None) -> None:
    """Take it back, tables to come included."""
    with _as_admin(domain_dsn) as conn:
        losers = granting.revoke(conn, schema, roles=roles, role_prefix=Settings().role_prefix)
    click.echo(f"revoked from {', '.join(losers)}" if losers else "nothing to revoke", err=True)


@domain.command
@json_option
@where_option
def ls(as_json: bool, domain_dsn: str | None) -> None:
    """Who may what on which schema, owners and superusers aside."""
    with _as_admin(domain_dsn) as conn:
        _show(granting.list_rights(conn), as_json=as_json)


@domain.command
@where_option
def prepare(domain_dsn: str | None) -> None:
    """Make the inbox in the domain's own database, and the login that its DSN names."""
    settings = Settings()
    dsn = domain_dsn or settings.domain_database_url
    if not dsn:
        raise click.UsageError("set ONEWRITER_DOMAIN_DATABASE_URL: the handlers' login in that database")
    parts = conninfo_to_dict(dsn)
    if "user" not in parts:
        raise click.UsageError("name the handlers' login in ONEWRITER_DOMAIN_DATABASE_URL")
    with _as_admin(domain_dsn) as conn:
        login, password = str(parts["user"]), str(parts.get("password", ""))
        made = inbox.prepare(conn, login, password, role_prefix=settings.role_prefix)
        name = conn.info.dbname
    for line in made:
        click.echo(f"made in {name}: {line}")
    if not made:
        click.echo(f"{name} is prepared already", err=True)


@domain.command
@json_option
@where_option
@click.pass_context
def check(ctx: click.Context, as_json: bool, domain_dsn: str | None) -> None:
    """Doctor's part on this: who could write what, and the inbox; exit 1 with findings."""
    settings = Settings()
    found = examine_domain(
        admin_dsn(settings), domain_of(settings, domain_dsn), role_prefix=settings.role_prefix
    )
    ctx.exit(show_findings(found, as_json=as_json))


def _as_admin(domain_dsn: str | None) -> psycopg.Connection[Any]:
    return psycopg.connect(domain_admin_dsn(Settings(), domain_dsn), autocommit=True)


def _show(rows: list[granting.Right], *, as_json: bool) -> None:
    show_rows(rows, ("schema", "role", "rights", "tables", "of", "to_come"), as_json=as_json)
