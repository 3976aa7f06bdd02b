"""From ONEWRITER_HANDLERS and the entry points to the registry."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

from app.handlers.registry import HandlersRefused, Registry, declared

GROUP = "onewriter.handlers"


def load(modules: str) -> Registry:
    """`modules` are dotted paths, comma-separated; they are found from the current folder too.

    Raises HandlersRefused, with one sentence, also where nothing is declared.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    for module in filter(None, (name.strip() for name in modules.split(","))):
        _import(module, "ONEWRITER_HANDLERS")
    for point in entry_points(group=GROUP):
        _import(point.module, f"the entry point {point.name}")
    registry = declared()
    if not registry.handlers:
        raise HandlersRefused("no result handler is declared: set ONEWRITER_HANDLERS to modules with some")
    return registry


def _import(module: str, source: str) -> None:
    try:
        import_module(module)
    except HandlersRefused as exc:
        raise HandlersRefused(f"{source}: {module}: {exc}") from exc
    except Exception as exc:
        raise HandlersRefused(f"{source}: {module} cannot be imported: {type(exc).__name__}: {exc}") from exc
