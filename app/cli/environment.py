"""`onewriter arm` and `onewriter environment show`."""

from __future__ import annotations

import rich_click as click

from app.cli.connection import actor, as_owner, as_server
from app.cli.output import json_option, show_fields, show_json
from app.schema.environment import Pending, read_environment, read_pending
from app.schema.environment import arm as arm_here
from app.settings import DEFAULT_ENVIRONMENT, Settings


@click.group
def environment() -> None:
    """As what and where the database was armed."""


@environment.command
@json_option
def show(as_json: bool) -> None:
    """Exit 1 where nothing runs: a copy that nobody armed, or one armed for another ONEWRITER_ENVIRONMENT."""
    with as_server() as conn:
        found = read_environment(conn)
    if as_json:
        show_json(found)
    else:
        show_fields(vars(found))
    presented = Settings().environment
    if found.quarantined:
        raise click.ClickException("nothing runs here until `onewriter arm`")
    if found.environment != presented:
        raise click.ClickException(f"ONEWRITER_ENVIRONMENT is {presented}: processes of it are refused here")
    if presented == DEFAULT_ENVIRONMENT:
        click.echo("a copy of the data files can't be told from it: give it a name of its own", err=True)


@click.command
@click.option("--environment", "name", help="As what. [ONEWRITER_ENVIRONMENT, default]")
@click.option("--yes", is_flag=True, help="Don't ask.")
def arm(name: str | None, yes: bool) -> None:
    """Let jobs run in this database: a restored or cloned one runs nothing before."""
    wanted = name or Settings().environment
    with as_owner() as conn:
        before = read_environment(conn)
        if not before.quarantined and before.environment == wanted:
            click.echo(f"{before.sentence()}; nothing to do", err=True)
            return
        click.echo(before.sentence())
        if before.quarantined:
            _tell(read_pending(conn))
        if not yes:
            click.confirm(f"Arm it as {wanted}?", abort=True, err=True)
        arm_here(conn, wanted, actor=actor())
    click.echo(f"armed as {wanted}; processes begin within seconds", err=True)


def _tell(pending: Pending) -> None:
    click.echo(
        f"would begin: {pending.ready} ready, {pending.due} scheduled and due; "
        f"{pending.scheduled} scheduled for later; {pending.running} that ran when it was copied run again"
    )
