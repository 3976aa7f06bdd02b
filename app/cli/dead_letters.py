"""`onewriter handlers dead ls|show|replay|discard`: ends that handlers gave up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import rich_click as click

from app.cli.connection import actor, as_server, run_command
from app.cli.output import json_option, show_fields, show_json, show_rows
from app.commands.dead_letters import Letters, discard_events, replay_events
from app.errors import NotFound

_COLUMNS = ("id", "consumer", "task", "event", "job_id", "attempts", "parked_at", "error")
_LIST = """
    select * from server_api.dead_letter
     where consumer = coalesce(%(consumer)s, consumer) and (%(task)s::text is null or task = %(task)s)
     order by id limit %(limit)s"""
_CONSUMER = click.option("--consumer", default="handlers", show_default=True, help="Whose.")
_TASK = click.option("--task", help="Of this task only.")
_REASON = click.option("--reason", required=True, help="Why; it stands in the audit.")
_ALL = click.option("--all", "everything", is_flag=True, help="All of the consumer (and the task).")
_IDS = click.argument("ids", type=int, nargs=-1)

Command = TypeVar("Command", bound=Callable[..., Any])


def chosen_letters(command: Command) -> Command:
    """Which ones, and why: `ids, consumer, task, everything, reason`."""
    for option in (_REASON, _ALL, _TASK, _CONSUMER, _IDS):
        command = option(command)
    return command


@click.group
def dead() -> None:
    """Dead letters: ends whose handlers raised too often, or for which nobody subscribes any more."""


@dead.command
@click.option("--consumer", help="Of this consumer only.")
@_TASK
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1))
@json_option
def ls(consumer: str | None, task: str | None, limit: int, as_json: bool) -> None:
    """List them, the oldest first."""
    with as_server() as conn:
        rows = conn.execute(_LIST, {"consumer": consumer, "task": task, "limit": limit}).fetchall()
    show_rows(rows, _COLUMNS, as_json=as_json)


@dead.command
@click.argument("letter_id", type=int)
@json_option
def show(letter_id: int, as_json: bool) -> None:
    """Show one, with the whole error."""
    with as_server() as conn:
        row = conn.execute("select * from server_api.dead_letter where id = %s", [letter_id]).fetchone()
    if row is None:
        raise NotFound(f"no dead letter has the id {letter_id}")
    if as_json:
        show_json(row)
    else:
        show_fields(row)


@dead.command
@chosen_letters
def replay(ids: tuple[int, ...], consumer: str, task: str | None, everything: bool, reason: str) -> None:
    """Let the handlers try them again, as if they were new."""
    letters = _chosen(ids, consumer, task, everything)
    count = run_command(lambda conn: replay_events(conn, letters, actor=actor(), reason=reason))
    _say("replayed", count, letters)


@dead.command
@chosen_letters
def discard(ids: tuple[int, ...], consumer: str, task: str | None, everything: bool, reason: str) -> None:
    """Delete them for good: nobody will handle these ends."""
    letters = _chosen(ids, consumer, task, everything)
    count = run_command(lambda conn: discard_events(conn, letters, actor=actor(), reason=reason))
    _say("discarded", count, letters)


def _chosen(ids: tuple[int, ...], consumer: str, task: str | None, everything: bool) -> Letters:
    """Raises UsageError: what reaches all has to be said."""
    if bool(ids) == (everything or task is not None):
        raise click.UsageError("give ids, or --task, or --all")
    return Letters(consumer=consumer, ids=list(ids) or None, task=task)


def _say(done: str, count: int, letters: Letters) -> None:
    """Raises NotFound where ids were given and none of them is a dead letter of this consumer."""
    if not count and letters.ids:
        raise NotFound(f"no dead letter of {letters.consumer} has these ids")
    click.echo(f"{done} {count}", err=True)
