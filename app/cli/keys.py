"""`onewriter keys create|ls|revoke`."""

from __future__ import annotations

from datetime import datetime
from math import inf

import rich_click as click

from app.cli.connection import actor, as_server, run_command
from app.cli.output import json_option, show_json, show_rows
from app.cli.values import moment
from app.commands.keys import SCOPES, create_key, revoke_key
from app.settings import read_rate, show_rate

_COLUMNS = (
    *("name", "prefix", "scopes", "queues", "tasks", "rate", "burst"),
    *("expires_at", "created_at", "revoked_at"),
)


@click.group
def keys() -> None:
    """Keys of the HTTP API; only a hash of each is stored."""


@keys.command
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="Repeatable."
)
@click.option(
    "--queue", "queues", multiple=True, help="Pattern of queues it may see (reports.*); repeatable."
)
@click.option("--task", "tasks", multiple=True, help="Pattern of tasks it may see; repeatable.")
@click.option(
    "--expires-at",
    type=moment,
    metavar="TIME",
    help="RFC 3339 with an offset, for example 2027-01-01T00:00:00Z.",
)
@click.option("--rate", help="Jobs and other requests: 100/s, 600/m, 5000/h, none. [default: the API's]")
@click.option("--burst", type=click.IntRange(1, 1_000_000), help="At once. [default: what a second brings]")
@json_option
def create(
    name: str,
    scopes: tuple[str, ...],
    queues: tuple[str, ...],
    tasks: tuple[str, ...],
    expires_at: datetime | None,
    rate: str | None,
    burst: int | None,
    as_json: bool,
) -> None:
    """Create a key and print it once."""
    per_second = _per_second(rate)
    key = run_command(
        lambda conn: create_key(
            conn,
            name=name,
            scopes=scopes,
            actor=actor(),
            queues=queues or None,
            tasks=tasks or None,
            expires_at=expires_at,
            rate=per_second,
            burst=burst,
        )
    )
    if as_json:
        show_json({"id": key.id, "name": name, "key": key.token, "scopes": scopes})
    else:
        click.echo(key.token)


@keys.command
@json_option
def ls(as_json: bool) -> None:
    """List the keys, revoked ones too."""
    with as_server() as conn:
        rows = conn.execute("select * from server_api.api_key order by name").fetchall()
    for row in rows:
        del row["hash"]  # of no use to anybody but the API
        row["rate"] = row["rate"] and show_rate(row["rate"])
    show_rows(rows, _COLUMNS, as_json=as_json)


@keys.command
@click.argument("name")
def revoke(name: str) -> None:
    """End a key at once."""
    run_command(lambda conn: revoke_key(conn, name=name, actor=actor()))
    click.echo(f"revoked {name}", err=True)


def _per_second(text: str | None) -> float | None:
    """None is the API's default; a key without any limit has an infinite rate."""
    if text is None:
        return None
    try:
        rate = read_rate(text)
    except ValueError as error:
        raise click.UsageError(f"--rate: {error}") from None
    return inf if rate is None else rate
