"""A schedule's definition as options of a command: --cron, --task, --missed and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, TypeVar, get_args, get_type_hints

import rich_click as click

from app.cli.values import json_object
from app.schedules import Definition

Command = TypeVar("Command", bound=Callable[..., Any])
_HINTS = get_type_hints(Definition)


def _rule(field: str, help_text: str) -> Callable[[Command], Command]:
    return click.option(f"--{field}", type=click.Choice(get_args(_HINTS[field])), help=help_text)


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--cron", metavar="EXPRESSION", help="5 fields, or 6 with the seconds first, or @hourly."),
    click.option("--every", type=float, metavar="SECONDS", help="Counted from --start, else from 1970."),
    click.option("--at", multiple=True, metavar="TIME", help="RFC 3339; repeatable."),
    click.option("--timezone", metavar="ZONE", help="IANA name, for cron; UTC without it."),
    click.option("--task", "tasks", multiple=True, help="Repeatable: a run has a job of each."),
    click.option("--group", help="A job of each task of this group."),
    click.option("--all", "all_tasks", is_flag=True, help="A job of each published task."),
    click.option("--args", type=json_object, metavar="JSON", help="The jobs' arguments."),
    click.option("--queue", help="Instead of the task's."),
    click.option("--priority", type=int, help="Instead of the task's."),
    click.option("--lock", help="Instead of the task's."),
    click.option("--queueing-lock", help="Instead of the task's."),
    _rule("missed", "Fires that nobody was there for."),
    _rule("overlapping", "A fire while a run is open."),
    _rule("gap", "A time that the clocks leave out."),
    _rule("overlap", "A time that the clocks show twice."),
    click.option("--jitter", type=float, metavar="SECONDS", help="Fires up to this much later."),
    click.option("--start", metavar="TIME", help="No fire before; RFC 3339."),
    click.option("--end", metavar="TIME", help="No fire after; RFC 3339."),
    click.option("--enabled/--disabled", default=None, help="Whether it fires."),
    click.option("--description"),
    click.option(
        "--definition", type=click.File("rb"), metavar="FILE", help="JSON, - for stdin; options go before it."
    ),
)  # fmt: skip


def definition_options(command: Command) -> Command:
    """The command gets them as keywords, for given_fields."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given_fields(
    *,
    definition: IO[bytes] | None,
    tasks: tuple[str, ...],
    group: str | None,
    all_tasks: bool,
    at: tuple[str, ...],
    **fields: Any,
) -> dict[str, Any]:
    """What was given, by the definition's field names: the JSON with the options over it."""
    given = {**fields, "at": list(at) or None, "target": _target(tasks, group, all_tasks=all_tasks)}
    whole = json_object(definition.read()) if definition else {}
    return whole | {field: value for field, value in given.items() if value is not None}


def _target(tasks: tuple[str, ...], group: str | None, *, all_tasks: bool) -> dict[str, Any] | None:
    """What does not fit together is given as it is: the definition's own check says so."""
    named = {"task": tasks[0]} if len(tasks) == 1 else {"tasks": list(tasks)} if tasks else {}
    grouped = {"group": group} if group is not None else {}
    return {**named, **grouped, **({"all": True} if all_tasks else {})} or None
