"""`onewriter logins create|ls|drop` and `onewriter dba create`."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from app.cli.connection import as_admin
from app.cli.output import json_option, show_rows
from app.schema.logins import KINDS, create_login, drop_login, list_logins, new_password, require_new
from app.schema.worker_logins import forget_worker_login
from app.settings import Settings

password_option = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the password from this file; without it one is made and printed once.",
)


@click.group
def logins() -> None:
    """Database logins: each a member of one role of onewriter's."""


@logins.command
@click.argument("name")
@click.option("--as", "kind", type=click.Choice(KINDS), required=True, help="What the login is for.")
@password_option
def create(name: str, kind: str, password_file: Path | None) -> None:
    """Create a login; prints its password once."""
    _create(name, kind, password_file)


@logins.command
@json_option
def ls(as_json: bool) -> None:
    """List the logins and how many connections each has open."""
    with as_admin() as conn:
        rows = list_logins(conn, role_prefix=Settings().role_prefix)
    show_rows(rows, ("name", "kind", "connections"), as_json=as_json)


@logins.command
@click.argument("name")
def drop(name: str) -> None:
    """Drop a login of onewriter's; one of a worker host's after `workers login revoke`."""
    with as_admin() as conn:
        prefix = Settings().role_prefix
        with conn.transaction():
            drop_login(conn, name, role_prefix=prefix)
            forget_worker_login(conn, name, role_prefix=prefix)
    click.echo(f"dropped {name}", err=True)


@click.group
def dba() -> None:
    """Logins for people in psql: read inspect, call operator_api."""


@dba.command("create")
@click.argument("name")
@password_option
def create_dba(name: str, password_file: Path | None) -> None:
    """Create a DBA's login; prints its password once."""
    _create(name, "dba", password_file)


def given_or_new(password_file: Path | None) -> str:
    """The password of a new login."""
    password = password_file.read_text(encoding="utf-8").strip() if password_file else new_password()
    if not password:
        raise click.UsageError(f"{password_file} is empty")
    return password


def _create(name: str, kind: str, password_file: Path | None) -> None:
    password = given_or_new(password_file)
    with as_admin() as conn:
        require_new(conn, name)
        create_login(conn, name, kind, password, role_prefix=Settings().role_prefix)
    click.echo(f"created {name} ({kind})", err=True)
    if password_file is None:
        click.echo(password)
