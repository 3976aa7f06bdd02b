"""What a worker says of the code it runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from procrastinate import App
from procrastinate.testing import InMemoryConnector

from worker.versions import digest, versions


def task_of(folder: Path, body: str) -> Any:
    """A task of a module with this body."""
    folder.mkdir(exist_ok=True)
    path = folder / "tasks_of_test.py"
    path.write_text(f"def job():\n    return {body}\n")
    spec = importlib.util.spec_from_file_location("tasks_of_test", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return App(connector=InMemoryConnector()).task(module.job)


def test_the_same_code_has_the_same_version_wherever_it_lies(tmp_path: Path) -> None:
    one, same, other = (task_of(tmp_path / name, body) for name, body in (("a", "1"), ("b", "1"), ("c", "2")))
    assert digest([one]) == digest([same])
    assert digest([one]) != digest([other])
    assert len(digest([one])) == 12


def test_what_is_built_in_has_a_version_too() -> None:
    assert digest([App(connector=InMemoryConnector()).task(len, name="len")])


def test_a_name_that_was_given_counts() -> None:
    app = App(connector=InMemoryConnector())
    assert versions(app, "2027.1")["tasks"] == "2027.1"
    assert set(versions(app, None)) == {"onewriter", "tasks"}
