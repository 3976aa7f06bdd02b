"""`onewriter webhooks ls|show|create|edit|rm|enable|disable|rotate|ping|deliveries|replay`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import IO, Any, get_args

import rich_click as click

from app.cli.connection import actor, run_command
from app.cli.output import json_option, show_fields, show_json, show_rows
from app.cli.values import moment
from app.commands import webhooks as commands
from app.commands.schedules import ABSENT
from app.commands.webhooks import By, Put, Replayed
from app.database.pool import Connection
from app.errors import WebhookNotFound
from app.queries.webhooks import (
    Delivery,
    DeliveryStatus,
    Webhook,
    get_webhook,
    list_deliveries,
    list_webhooks,
)

_COLUMNS = ("name", "url", "events", "tasks", "enabled", "failures", "disabled_reason")
_DELIVERIES = ("id", "event", "status", "attempts", "next_attempt_at", "answered", "created_at", "error")

name_argument = click.argument("name")
reason_option = click.option("--reason", help="Why; stands in the audit.")
secret_option = click.option(
    "--secret-file", type=click.File(), metavar="FILE", help="whsec_…, - for stdin; without it one is made."
)
events_help = (
    "job.succeeded, job.failed, job.cancelled, job.aborted, run.finished, job.*, run.*, *; repeatable."
)


@click.group
def webhooks() -> None:
    """Who is told of which ends, and what was sent."""


@webhooks.command
@json_option
def ls(as_json: bool) -> None:
    """List the webhooks."""
    show_rows(run_command(list_webhooks), _COLUMNS, as_json=as_json)


@webhooks.command
@name_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one webhook; nobody reads its secret."""
    found = run_command(lambda conn: _find(conn, name))
    fields = {field: getattr(found, field) for field in Webhook.__dataclass_fields__}
    if as_json:
        show_json(fields)
    else:
        show_fields(fields)


@webhooks.command
@name_argument
@click.option("--url", required=True, help="http or https, without a user.")
@click.option("--event", "events", multiple=True, required=True, help=events_help)
@click.option(
    "--task", "tasks", multiple=True, help="Pattern of tasks (billing.*); repeatable. [default: all]"
)
@click.option("--description")
@secret_option
@reason_option
@json_option
def create(name: str, secret_file: IO[str] | None, reason: str | None, as_json: bool, **fields: Any) -> None:
    """Make a webhook and print its secret, which nobody can read later."""
    definition = _given(fields)
    put = run_command(
        lambda conn: commands.put_webhook(
            conn,
            name=name,
            definition=definition,
            expected=ABSENT,
            secret=_secret(secret_file),
            by=_by(reason),
        )
    )
    _report(name, put, as_json=as_json)


@webhooks.command
@name_argument
@click.option("--url", help="http or https, without a user.")
@click.option("--event", "events", multiple=True, help=events_help)
@click.option("--task", "tasks", multiple=True, help="Pattern of tasks; repeatable.")
@click.option("--all-tasks", is_flag=True, help="Of all tasks again.")
@click.option("--description")
@reason_option
@json_option
def edit(name: str, all_tasks: bool, reason: str | None, as_json: bool, **fields: Any) -> None:
    """Change what is given and leave the rest."""
    changes = _given(fields) | ({"tasks": None} if all_tasks else {})

    async def command(conn: Connection) -> Put:
        found = await _find(conn, name)
        kept = {field: getattr(found, field) for field in ("url", "events", "tasks", "description")}
        return await commands.put_webhook(
            conn, name=name, definition=kept | changes, expected=found.revision, by=_by(reason)
        )

    _report(name, run_command(command), as_json=as_json)


@webhooks.command
@name_argument
@reason_option
def rm(name: str, reason: str | None) -> None:
    """Delete a webhook with its secret; what waits to be sent is cancelled."""
    _do(lambda conn: commands.remove_webhook(conn, name=name, by=_by(reason)))
    click.echo(f"removed {name}", err=True)


@webhooks.command
@name_argument
@reason_option
def enable(name: str, reason: str | None) -> None:
    """Let it hear of what ends from now on."""
    _do(lambda conn: commands.set_webhook_enabled(conn, name=name, enabled=True, by=_by(reason)))


@webhooks.command
@name_argument
@reason_option
def disable(name: str, reason: str | None) -> None:
    """Send it nothing more; what waits is cancelled."""
    _do(lambda conn: commands.set_webhook_enabled(conn, name=name, enabled=False, by=_by(reason)))


@webhooks.command
@name_argument
@secret_option
@reason_option
def rotate(name: str, secret_file: IO[str] | None, reason: str | None) -> None:
    """Print a new secret; for a day the one before it signs too."""
    new = run_command(
        lambda conn: commands.rotate_webhook(conn, name=name, secret=_secret(secret_file), by=_by(reason))
    )
    click.echo(new)


@webhooks.command
@name_argument
@reason_option
@json_option
def ping(name: str, reason: str | None, as_json: bool) -> None:
    """Send the event webhook.ping, once, also to a disabled one."""
    sent = run_command(lambda conn: commands.ping_webhook(conn, name=name, by=_by(reason)))
    if as_json:
        show_json(sent)
    else:
        click.echo(f"delivery {sent.delivery_id}, job {sent.job_id}")


@webhooks.command
@name_argument
@click.option("--status", type=click.Choice(get_args(DeliveryStatus)))
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@json_option
def deliveries(name: str, status: DeliveryStatus | None, limit: int, as_json: bool) -> None:
    """List what was sent to a webhook, the newest first."""

    async def command(conn: Connection) -> list[Delivery]:
        found = await _find(conn, name)
        return await list_deliveries(conn, webhook=found.name, status=status, limit=limit)

    show_rows(run_command(command), _DELIVERIES, as_json=as_json)


@webhooks.command
@name_argument
@click.argument("delivery_id", required=False, type=int)
@click.option("--since", type=moment, metavar="TIME", help="All made since then that did not arrive.")
@click.option("--all", "all_failed", is_flag=True, help="All that did not arrive.")
@reason_option
def replay(
    name: str, delivery_id: int | None, since: datetime | None, all_failed: bool, reason: str | None
) -> None:
    """Send a message again, or all that did not arrive, under the same ids."""
    if (delivery_id is not None) + (since is not None) + all_failed != 1:
        raise click.UsageError("give a delivery's id, --since, or --all")

    async def command(conn: Connection) -> Replayed:
        return await commands.replay_webhook(
            conn, name=name, delivery_id=delivery_id, since=since, by=_by(reason)
        )

    # A call takes so many; what was sent again is not found once more.
    total = 0
    while (done := run_command(command)).replayed:
        total += done.replayed
        if delivery_id is not None:
            break
    click.echo(f"{total} sent again")


async def _find(conn: Connection, name: str) -> Webhook:
    found = await get_webhook(conn, name=name)
    if found is None:
        raise WebhookNotFound(f"no webhook is called {name}")
    return found


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """What was given, in JSON's types."""
    listed = {field: list(value) if isinstance(value, tuple) else value for field, value in fields.items()}
    return {field: value for field, value in listed.items() if value}


def _secret(file: IO[str] | None) -> str | None:
    """Never from the command line, which every login of the machine can read."""
    return None if file is None else file.read().strip()


def _by(reason: str | None) -> By:
    return By(actor=actor(), reason=reason)


def _do(command: Callable[[Connection], Awaitable[None]]) -> None:
    run_command(command)


def _report(name: str, put: Put, *, as_json: bool) -> None:
    """The secret alone on standard output: it goes into whatever keeps it."""
    if as_json:
        show_json(put)
        return
    click.echo(f"{'created' if put.created else 'changed'} {name}, revision {put.revision}", err=True)
    if put.secret is not None:
        click.echo(put.secret)
