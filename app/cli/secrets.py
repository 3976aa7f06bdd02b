"""`onewriter secrets set|ls|rm`."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from app.cli.connection import actor, as_server, run_command
from app.cli.output import json_option, show_rows
from app.commands.secrets import remove_secret, set_secret

_COLUMNS = ("name", "tasks", "logins", "updated_at", "updated_by")


@click.group
def secrets() -> None:
    """What `secret://NAME` in a job's arguments stands for."""


@secrets.command("set")
@click.argument("name")
@click.option(
    "--value-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the value from this file; without it from standard input.",
)
@click.option(
    "--task", "tasks", multiple=True, required=True, help="Pattern of tasks (billing.*); repeatable."
)
@click.option("--login", "logins", multiple=True, help="A worker login; repeatable. Without it every one.")
def set_(name: str, value_file: Path | None, tasks: tuple[str, ...], logins: tuple[str, ...]) -> None:
    """Store a value, or a new one; one line feed at its end is not part of it."""
    value = _value(value_file).removesuffix("\n")
    is_new = run_command(
        lambda conn: set_secret(
            conn, name=name, value=value, tasks=tasks, logins=logins or None, actor=actor()
        )
    )
    click.echo(f"{'set' if is_new else 'replaced'} {name}", err=True)


@secrets.command
@json_option
def ls(as_json: bool) -> None:
    """List the secrets; nobody reads a value."""
    with as_server() as conn:
        rows = conn.execute("select * from server_api.secret order by name").fetchall()
    show_rows(rows, _COLUMNS, as_json=as_json)


@secrets.command
@click.argument("name")
def rm(name: str) -> None:
    """Delete a secret; jobs that name it fail from now on."""
    run_command(lambda conn: remove_secret(conn, name=name, actor=actor()))
    click.echo(f"removed {name}", err=True)


def _value(file: Path | None) -> str:
    """Never from the command line, which every login of the machine can read."""
    if file is not None:
        return file.read_text(encoding="utf-8")
    if sys.stdin.isatty():
        return str(click.prompt("Value", hide_input=True, err=True))
    return sys.stdin.read()
