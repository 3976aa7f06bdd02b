"""`onewriter keys create|ls|revoke`."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

import rich_click as click

from app.cli.connection import actor, as_server
from app.cli.output import json_option, show_json, show_rows

SCOPES = ("jobs:read", "jobs:write", "jobs:operate", "schedules:write", "workers:write", "admin")
PREFIX_LENGTH = 10
_COLUMNS = ("name", "prefix", "scopes", "queues", "tasks", "expires_at", "created_at", "revoked_at")


@click.group
def keys() -> None:
    """Keys of the HTTP API; only a hash of each is stored."""


@keys.command
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES), help="Repeatable.")
@click.option("--queue", "queues", multiple=True, help="Pattern of queues it may see (reports.*); repeatable.")
@click.option("--task", "tasks", multiple=True, help="Pattern of tasks it may see; repeatable.")
@click.option("--expires-at", help="RFC 3339 with an offset, for example 2027-01-01T00:00:00Z.")
@json_option
def create(
    name: str,
    scopes: tuple[str, ...],
    queues: tuple[str, ...],
    tasks: tuple[str, ...],
    expires_at: str | None,
    as_json: bool,
) -> None:
    """Create a key and print it once."""
    key = new_key()
    values = [name, key_hash(key), key[:PREFIX_LENGTH], list(scopes), list(queues) or None, list(tasks) or None]
    with as_server() as conn:
        conn.execute(
            "select server_api.create_key(%s, %s, %s, %s, %s, %s, %s, %s)", [*values, _moment(expires_at), actor()]
        )
    if as_json:
        show_json({"name": name, "key": key, "scopes": scopes})
    else:
        click.echo(key)


@keys.command
@json_option
def ls(as_json: bool) -> None:
    """List the keys, revoked ones too."""
    with as_server() as conn:
        rows = conn.execute(f"select {', '.join(_COLUMNS)} from server_api.api_key order by name").fetchall()
    show_rows(rows, _COLUMNS, as_json=as_json)


@keys.command
@click.argument("name")
def revoke(name: str) -> None:
    """End a key at once."""
    with as_server() as conn:
        conn.execute("select server_api.revoke_key(%s, %s)", [name, actor()])
    click.echo(f"revoked {name}", err=True)


def new_key() -> str:
    """40 characters of 64 kinds: 240 random bits, so that a plain hash of it is enough."""
    return "ow_" + secrets.token_urlsafe(30)


def key_hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"--expires-at: {text!r} is no RFC 3339 time") from None
    if moment.tzinfo is None:
        raise click.UsageError("--expires-at needs an offset, for example Z")
    return moment
