"""`onewriter workers login create|ls|revoke`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import rich_click as click

from app.cli.connection import actor, as_admin, as_server, notify
from app.cli.logins import given_or_new, password_option
from app.cli.output import json_option, show_json, show_rows
from app.schema.worker_logins import Grant, Limits, create_worker_login, revoke_worker_login
from app.settings import Settings

# Two worker processes: each has one connection, and one more while a new process takes over from it.
CONNECTIONS = 4
# As many as one exchange hands out: no ordinary worker is held up by it.
IN_FLIGHT = 1000
_COLUMNS = (
    "login", "granted", "refused", "tasks", "in_flight", "running", "sessions", "connection_limit",
    "revoked_at",
)  # fmt: skip


@click.group
def login() -> None:
    """One login per worker host: what it may claim, how much, and its end."""


@login.command
@click.argument("name", metavar="HOST")
@click.option("--queues", help="Queues it may claim from, with commas; without: all that its tasks allow.")
@click.option("--tasks", help="Patterns of its tasks (billing.*,mail.send), with commas; without: all.")
@click.option(
    "--connections",
    default=CONNECTIONS,
    show_default=True,
    type=click.IntRange(1),
    help="CONNECTION LIMIT: two per worker process of the host.",
)
@click.option(
    "--in-flight",
    default=IN_FLIGHT,
    show_default=True,
    type=click.IntRange(1),
    help="Jobs that all its sessions together may hold.",
)
@click.option("--temp-file-limit", default="256MB", show_default=True, help="Needs a superuser.")
@password_option
@json_option
def create(
    name: str,
    queues: str | None,
    tasks: str | None,
    connections: int,
    in_flight: int,
    temp_file_limit: str,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Create a worker host's login; prints its password once."""
    password = given_or_new(password_file)
    grant = Grant(_names(queues), _names(tasks), in_flight)
    limits = Limits(connections, temp_file_limit)
    prefix = Settings().role_prefix
    with as_admin() as conn:
        limited = create_worker_login(conn, name, password, grant, limits, actor=actor(), role_prefix=prefix)
        row = conn.execute("select granted, refused from inspect.worker_logins where login = %s", [name])
        resolved = row.fetchone() or {}
    _say(name, resolved, limited=limited)
    shown = None if password_file else password
    if as_json:
        show_json({"login": name, "password": shown, **resolved, "temp_file_limit": limited})
    elif shown:
        click.echo(shown)


@login.command
@json_option
def ls(as_json: bool) -> None:
    """List the logins made here: what each may claim, why not more, and what it holds."""
    with as_server() as conn:
        rows = conn.execute("select * from inspect.worker_logins order by login").fetchall()
    show_rows(rows, _COLUMNS, as_json=as_json)


@login.command
@click.argument("name")
@click.option("--reason", required=True, help="Why; stands in the audit.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def revoke(name: str, reason: str, yes: bool, as_json: bool) -> None:
    """End any worker's login at once: no connection, no session, and its jobs run elsewhere."""
    if not yes:
        click.confirm(f"End {name} and everything it runs?", abort=True, err=True)
    with as_admin() as conn:
        done = revoke_worker_login(
            conn, name, actor=actor(), reason=reason, role_prefix=Settings().role_prefix
        )
        notify(conn, done.wake)
    if as_json:
        show_json({key: value for key, value in asdict(done).items() if key != "wake"})
    else:
        ended = f"{done.sessions} sessions and {done.connections} connections ended"
        click.echo(f"revoked {name}: {ended}, {done.jobs} jobs went back")


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


def _say(name: str, resolved: dict[str, object], *, limited: bool) -> None:
    queues, refused = resolved.get("granted"), resolved.get("refused")
    may = "every queue" if queues is None else ", ".join(map(str, queues)) or "no queue yet"  # type: ignore[call-overload]
    click.echo(f"created {name} (worker); it may claim from {may}", err=True)
    for queue, why in refused.items() if isinstance(refused, dict) else ():
        click.echo(f"not from {queue}: {why}", err=True)
    if not limited:
        click.echo(f"alter role {name} set temp_file_limit needs a superuser: left out", err=True)
