"""What this worker runs, as the registry shows it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import procrastinate
from procrastinate.tasks import Task

_SHOWN = 12


def versions(app: procrastinate.App, tasks: str | None) -> dict[str, str]:
    """`tasks` is what somebody calls the version of the task modules; without it their source tells."""
    return {"onewriter": _onewriter(), "tasks": tasks or digest(set(app.tasks.values()))}


def digest(tasks: Iterable[Task[..., Any, ...]]) -> str:
    """Of the files that define them: the same code has the same, wherever it lies."""
    found = {inspect.unwrap(task.func).__module__: _source(task) for task in tasks}
    whole = hashlib.sha256()
    for module, source in sorted(found.items()):
        whole.update(module.encode() + b"\0" + source + b"\0")
    return whole.hexdigest()[:_SHOWN]


def _source(task: Task[..., Any, ...]) -> bytes:
    try:
        file = inspect.getsourcefile(inspect.unwrap(task.func))
        return Path(file).read_bytes() if file else b""
    except (OSError, TypeError):  # built in C, frozen, or made at run time: its name has to do
        return task.name.encode()


def _onewriter() -> str:
    try:
        return importlib.metadata.version("onewriter")
    except importlib.metadata.PackageNotFoundError:  # a checkout that is not installed
        return "0"
