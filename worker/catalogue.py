"""`python -m worker.catalogue [--builtin]`: this worker's tasks and schedules as JSON, without a database.

The built-in tasks are a catalogue of their own, so that each team can publish its own under its source.
"""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import sys
from collections import defaultdict
from operator import itemgetter
from typing import Any

from procrastinate.retry import RetryStrategy
from procrastinate.tasks import Task

from worker.app import App
from worker.arguments import arguments_schema
from worker.errors import Refused
from worker.events import task_events
from worker.groups import task_group
from worker.periodic import schedule
from worker.timeouts import task_timeout

AnyTask = Task[..., Any, ...]


BUILTIN = "worker.tasks."


def catalogue(app: App, *, builtin: bool = False) -> dict[str, Any]:
    """{"catalogue": 1, "tasks": [...], "schedules": [...]}, both by name, without Procrastinate's own tasks.

    Raises Refused for a periodic task that no schedule can say.
    """
    app.perform_import_paths()
    names: defaultdict[AnyTask, set[str]] = defaultdict(set)
    for name, task in app.tasks.items():
        if _is_published(task, builtin=builtin):
            names[task].add(name)
    tasks = [_entry(task, known - {task.name}) for task, known in names.items()]
    periodic = app.periodic_registry.periodic_tasks.values()
    schedules = [schedule(one) for one in periodic if _is_published(one.task, builtin=builtin)]
    by_name = itemgetter("name")
    return {
        "catalogue": 1,
        "tasks": sorted(tasks, key=by_name),
        "schedules": sorted(schedules, key=by_name),
    }


def max_attempts(task: AnyTask) -> int | None:
    """Runs in all: stock's RetryStrategy(n) means n + 1; no retry 1; endless or unknowable None."""
    strategy = task.retry_strategy
    if strategy is None:
        return 1
    if isinstance(strategy, RetryStrategy) and strategy.max_attempts:
        return strategy.max_attempts + 1
    return None


def _is_published(task: AnyTask, *, builtin: bool) -> bool:
    module = task.func.__module__
    return module != "procrastinate.builtin_tasks" and module.startswith(BUILTIN) == builtin


def _entry(task: AnyTask, other_names: set[str]) -> dict[str, Any]:
    return {
        "name": task.name,
        "queue": task.queue,
        "priority": task.priority,
        "lock": task.lock,
        "queueing_lock": task.queueing_lock,
        "description": _description(task),
        "schema": arguments_schema(task.func, skip_first=task.pass_context),
        "retry": _retry(task),
        "max_attempts": max_attempts(task),
        "timeout": task_timeout(task),
        "group": task_group(task),
        "aliases": sorted(other_names),
        "events": task_events(task),
    }


def _description(task: AnyTask) -> str | None:
    return inspect.getdoc(task.func)


def _retry(task: AnyTask) -> dict[str, Any] | None:
    strategy = task.retry_strategy
    if strategy is None:
        return None
    if type(strategy) is RetryStrategy:
        return {
            "max_attempts": strategy.max_attempts,
            "wait": strategy.wait,
            "linear_wait": strategy.linear_wait,
            "exponential_wait": strategy.exponential_wait,
        }
    return {"strategy": f"{type(strategy).__module__}.{type(strategy).__qualname__}"}


def main() -> int:
    """Exit 2 with one sentence when a task module cannot be loaded or a schedule cannot be said."""
    parser = argparse.ArgumentParser(prog="python -m worker.catalogue", description=__doc__)
    parser.add_argument("--builtin", action="store_true", help="onewriter's own tasks: echo, http.request, …")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    from worker.main import app  # noqa: PLC0415 (importing it logs, which must be off by then)

    try:
        document = catalogue(app, builtin=options.builtin)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 2
    print(json.dumps(document, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
