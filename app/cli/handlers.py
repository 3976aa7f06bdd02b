"""`onewriter handlers publish|ls|run|dead`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

import msgspec
import rich_click as click

from app.cli.connection import actor, as_server, run_command
from app.cli.dead_letters import dead
from app.cli.output import json_option, show_json, show_rows
from app.commands.handlers import HandledPair, publish_handlers
from app.handlers.consumer import prepare, run
from app.handlers.loading import load
from app.handlers.registry import ANY, HandlersRefused, Registry
from app.settings import Settings

T = TypeVar("T")
COLUMNS = ("consumer", "task", "event", "ordered_by", "handlers", "published_at")


@click.group
def handlers() -> None:
    """Result handlers: what the API side does when a job has ended."""


handlers.add_command(dead)


@handlers.command
@click.option("--consumer", help="The name of this set. [ONEWRITER_HANDLERS_CONSUMER, handlers]")
@click.option("--remove", is_flag=True, help="This set has no handlers any more.")
@json_option
def publish(consumer: str | None, remove: bool, as_json: bool) -> None:
    """Subscribe to what the modules in ONEWRITER_HANDLERS declare, and to nothing else.

    Do it at each deployment. What waits for a pair that is gone becomes a dead letter.
    """
    settings = Settings()
    pairs = [] if remove else handled_pairs(refusing(lambda: load(settings.handlers)))
    name = consumer or settings.handlers_consumer
    published = run_command(lambda conn: publish_handlers(conn, consumer=name, pairs=pairs, actor=actor()))
    counts = msgspec.structs.asdict(published)
    if as_json:
        show_json(counts)
    else:
        click.echo(", ".join(f"{count} {word}" for word, count in counts.items()))
    _warn_of_strangers({pair.task for pair in pairs})


def _warn_of_strangers(tasks: set[str]) -> None:
    """A handler may be published before its task; more often its name is misspelt."""
    with as_server() as conn:
        known = {row["name"] for row in conn.execute("select name from server_api.task").fetchall()}
    if strangers := sorted(tasks - known - {ANY}):
        click.echo(f"no such task is published: {', '.join(strangers)}", err=True)


@handlers.command
@json_option
def ls(as_json: bool) -> None:
    """List the published pairs."""
    with as_server() as conn:
        rows = conn.execute("select * from server_api.subscription order by consumer, task, event").fetchall()
    show_rows(rows, COLUMNS, as_json=as_json)


@handlers.command("run")
def run_() -> None:
    """Handle results until told to stop. `onewriter serve` does the same beside the API."""
    settings = Settings()
    registry = refusing(lambda: prepare(settings))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # LISTEN tells of an outage, in one line
    asyncio.run(run(settings, registry))


def handled_pairs(registry: Registry) -> list[HandledPair]:
    return [
        HandledPair(pair.task, pair.event, some[0].kind.ordered_by, [handler.name for handler in some])
        for pair, some in registry.pairs.items()
    ]


def refusing(prepared: Callable[[], T]) -> T:
    """What contradicts or is missing is wrong use: one sentence, exit 2."""
    try:
        return prepared()
    except HandlersRefused as exc:
        raise click.UsageError(str(exc)) from exc
