"""`onewriter harden`."""

from __future__ import annotations

import psycopg
import rich_click as click

from app.cli.connection import admin_dsn
from app.schema import harden as hardening
from app.settings import Settings


@click.command
@click.option("--cluster", is_flag=True, help="Also close every other database of the cluster to PUBLIC.")
@click.option("--undo", is_flag=True, help="Back to PostgreSQL's defaults; do this before pg_upgrade.")
@click.option("--dry-run", is_flag=True, help="Print the statements and stop.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def harden(cluster: bool, undo: bool, dry_run: bool, yes: bool) -> None:
    """Take from PUBLIC what a login without table rights could still do harm with.

    Prints every statement and the logins it affects, and asks. Needs a superuser.
    """
    settings = Settings()
    dsn, prefix = admin_dsn(settings), settings.role_prefix
    with psycopg.connect(dsn) as conn:
        steps = hardening.plan(conn, cluster=cluster, role_prefix=prefix, undo=undo)
    _print(steps)
    if not steps or dry_run:
        return
    if not yes:
        click.confirm("Run these statements?", abort=True, err=True)
    change = hardening.unharden if undo else hardening.harden
    change(dsn, cluster=cluster, role_prefix=prefix)
    click.echo(f"{'undone' if undo else 'hardened'}: {len(steps)} steps, verified", err=True)


def _print(steps: list[hardening.Step]) -> None:
    if not steps:
        click.echo("nothing to do", err=True)
    for step in steps:
        click.echo(f"-- {step.reason}")
        click.echo(f"-- affects: {', '.join(step.affects) or 'no login but superusers'}")
        for statement in step.statements:
            click.echo(f"{statement};")
        click.echo()
