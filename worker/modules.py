"""Task modules: ONEWRITER_TASKS and the entry points of group onewriter.tasks.

A task of a module-level Blueprint keeps its own name when that has a dot already (stock's default, the
dotted path of the function, always has one), else it is called after the blueprint's variable:
`reports = Blueprint()` with `@reports.task(name="monthly")` is `reports.monthly`. A stock App in a module
hands over its tasks under exactly their names, so that an existing code base need not change.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import procrastinate
from procrastinate import Blueprint
from procrastinate.tasks import Task

from worker.errors import Refused

logger = logging.getLogger(__name__)

ENTRY_POINTS = "onewriter.tasks"


def entry_points() -> list[str]:
    """The modules that installed packages offer."""
    return [point.value for point in importlib.metadata.entry_points(group=ENTRY_POINTS)]


def load_modules(app: procrastinate.App, paths: Iterable[str]) -> None:
    """Imports each once and adds its blueprints; raises Refused naming the module that cannot be had."""
    seen: set[int] = {id(app)}
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # a console script does not look where it was started
    for path in dict.fromkeys(paths):
        for name, blueprint in _blueprints(_import(path)):
            if id(blueprint) not in seen:
                seen.add(id(blueprint))
                add_blueprint(app, blueprint, "" if isinstance(blueprint, procrastinate.App) else name)


def add_blueprint(app: procrastinate.App, blueprint: Blueprint, name: str) -> None:
    """Stock's own add_tasks_from needs a namespace and joins it with a colon; here names have dots."""
    own = {key: task for key, task in blueprint.tasks.items() if not _is_builtin(task)}
    renamed = {_named(key, name): task for key, task in own.items()}
    taken = sorted(set(app.tasks) & set(renamed))
    if taken:
        raise Refused(f"Two tasks have the name {taken[0]}; names are given once.")
    for task in set(own.values()):
        _rename(task, name)
        task.blueprint = app
    if not isinstance(blueprint, procrastinate.App):
        blueprint.tasks = renamed
    app.tasks.update(renamed)
    for periodic in blueprint.periodic_registry.periodic_tasks.values():
        app.periodic_registry.register_task(
            task=periodic.task,
            cron=periodic.cron,
            periodic_id=periodic.periodic_id,
            configure_kwargs=periodic.configure_kwargs,
        )


def _is_builtin(task: Task[..., object, ...]) -> bool:
    """Every stock App has these, ours too."""
    return task.func.__module__ == "procrastinate.builtin_tasks"


def _rename(task: Task[..., object, ...], name: str) -> None:
    task.name = _named(task.name, name)
    task.aliases = [_named(alias, name) for alias in task.aliases]


def _named(task_name: str, blueprint_name: str) -> str:
    if not blueprint_name or "." in task_name or ":" in task_name:
        return task_name
    return f"{blueprint_name}.{task_name}"


def _blueprints(module: ModuleType) -> list[tuple[str, Blueprint]]:
    return [(name, one) for name, one in vars(module).items() if isinstance(one, Blueprint)]


def _import(path: str) -> ModuleType:
    module, _, attribute = path.partition(":")
    try:
        found: ModuleType = importlib.import_module(module)
    except ImportError as exc:
        raise Refused(f"The task module {module} cannot be imported: {exc}.") from exc
    if attribute:
        logger.debug("Entry point %s: the module's blueprints are added, whatever the attribute", path)
    return found
