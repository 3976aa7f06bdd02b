"""The catalogue: names, schemas, retries, timeouts, without a database."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from procrastinate import App as StockApp
from procrastinate import Blueprint, PsycopgConnector, RetryStrategy
from procrastinate.retry import BaseRetryStrategy
from pydantic import Field

from worker.app import App
from worker.arguments import arguments_schema
from worker.catalogue import catalogue
from worker.errors import Refused
from worker.events import subscribes
from worker.groups import group
from worker.modules import add_blueprint
from worker.timeouts import timeout

ROOT = Path(__file__).parents[2]


class Custom(BaseRetryStrategy):
    """Somebody's own."""


def _blueprint() -> Blueprint:
    reports = Blueprint()

    @reports.periodic(cron="0 6 * * *")
    @reports.task(
        name="monthly",
        queue="reports",
        priority=3,
        lock="one",
        aliases=["old"],
        retry=RetryStrategy(max_attempts=5, exponential_wait=2),
        pass_context=True,
    )
    @timeout(600)
    @group("nightly")
    @subscribes("day.closed", "day.begun")
    async def monthly(context: Any, month: str, *, pages: Annotated[int, Field(ge=1)] = 12) -> dict[str, str]:
        """Writes the report of a month."""
        return {"month": month, "pages": str(pages)}

    @reports.task(name="full.name", retry=True)
    def endless(**kwargs: int) -> None: ...

    @reports.task(name="custom", retry=Custom())
    def custom(day: date, kind: Literal["a", "b"] = "a", rest: list[int] | None = None) -> None: ...

    custom.onewriter_timeout = 5  # type: ignore[attr-defined]
    custom.onewriter_group = "rare"  # type: ignore[attr-defined]
    custom.onewriter_events = ["moved", "", 3]  # type: ignore[attr-defined]
    return reports


def _entries(app: App) -> Mapping[str, Any]:
    return {entry["name"]: entry for entry in catalogue(app)["tasks"]}


def test_what_is_published() -> None:
    app = App()
    add_blueprint(app, _blueprint(), "reports")
    entries = _entries(app)
    assert sorted(entries) == ["full.name", "reports.custom", "reports.monthly"]
    assert entries["reports.monthly"] == {
        "name": "reports.monthly",
        "queue": "reports",
        "priority": 3,
        "lock": "one",
        "queueing_lock": None,
        "description": "Writes the report of a month.",
        "schema": {
            "type": "object",
            "properties": {
                "month": {"type": "string"},
                "pages": {"type": "integer", "minimum": 1, "default": 12},
            },
            "required": ["month"],
            "additionalProperties": False,
        },
        "retry": {"max_attempts": 5, "wait": 0, "linear_wait": 0, "exponential_wait": 2},
        "max_attempts": 6,
        "timeout": 600.0,
        "group": "nightly",
        "events": ["day.begun", "day.closed"],
        "aliases": ["reports.old"],
    }
    assert entries["full.name"]["max_attempts"] is None
    assert entries["full.name"]["schema"]["additionalProperties"] is True
    assert entries["reports.custom"]["retry"] == {"strategy": f"{__name__}.Custom"}
    assert entries["reports.custom"]["max_attempts"] is None
    assert entries["reports.custom"]["timeout"] == 5.0
    assert (entries["reports.custom"]["group"], entries["full.name"]["group"]) == ("rare", None)
    assert (entries["reports.custom"]["events"], entries["full.name"]["events"]) == (["moved"], [])
    assert entries["reports.custom"]["schema"]["properties"]["day"] == {"type": "string", "format": "date"}


def test_periodic_tasks_are_published_as_schedules() -> None:
    app = App()
    add_blueprint(app, _blueprint(), "reports")

    @app.periodic(cron="*/5 8-18 * * MON-fri 30", periodic_id="office", queue="slow", priority=0, lock="l",
                  queueing_lock="q", task_kwargs={"n": 1})  # fmt: skip
    @app.periodic(cron="@Hourly")
    @app.task(name="tick")
    def tick(timestamp: int, n: int = 0) -> None: ...

    assert catalogue(app)["schedules"] == [
        {"name": "reports.monthly", "definition": {
            "cron": "0 6 * * *", "target": {"task": "reports.monthly"}, "timestamp": True}},
        {"name": "tick", "definition": {
            "cron": "@hourly", "target": {"task": "tick"}, "timestamp": True}},
        {"name": "tick:office", "definition": {
            "cron": "30 */5 8-18 * * MON-fri", "target": {"task": "tick"}, "args": {"n": 1}, "queue": "slow",
            "priority": 0, "lock": "l", "queueing_lock": "q", "timestamp": True}},
    ]  # fmt: skip
    assert catalogue(app, builtin=True)["schedules"] == []


def test_hints_that_pydantic_cannot_express_leave_the_others_checked() -> None:
    def function(a: int, b: "Missing", _c: object = object(), json: dict[str, int] | None = None) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    schema = arguments_schema(function, skip_first=False)
    assert set(schema["properties"]) == {"a", "b", "_c", "json"}
    assert schema["required"] == ["a", "b"]

    class Odd: ...

    def other(a: int, odd: Odd) -> None: ...

    assert arguments_schema(other, skip_first=False)["properties"] == {"a": {"type": "integer"}, "odd": {}}
    assert arguments_schema(other, skip_first=True)["required"] == ["odd"]


def test_a_stock_app_keeps_its_names_and_its_own_tasks_stay() -> None:
    stock = StockApp(connector=PsycopgConnector())

    @stock.task(name="plain")
    async def plain() -> None: ...

    app = App()
    add_blueprint(app, stock, "")
    assert sorted(_entries(app)) == ["plain"]
    assert app.tasks["plain"].blueprint is app
    with pytest.raises(Refused, match="plain"):
        add_blueprint(app, stock, "")


def test_the_command() -> None:
    environ = {**os.environ, "ONEWRITER_TASKS": "tests.worker.sample_tasks", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "worker.catalogue"]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    assert document["catalogue"] == 1
    names = [entry["name"] for entry in document["tasks"]]
    assert names == sorted(names)
    assert {"sample.add", "sample.tick"} <= set(names) and "echo" not in names
    assert done.stderr == ""
    own = subprocess.run(
        [*command, "--builtin"], env=environ, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [entry["name"] for entry in json.loads(own.stdout)["tasks"]] == [
        "echo", "http.request", "sleep", "webhook.deliver",
    ]  # fmt: skip
    environ["ONEWRITER_TASKS"] = "no.such"
    failed = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert "Traceback" not in failed.stderr


def test_the_import_closure_of_a_worker() -> None:
    code = (
        "import sys, worker.main; worker.main.app.perform_import_paths();"
        "print([m for m in sys.modules if m.split('.')[0] in ('app', 'sqlalchemy', 'alembic')"
        " or m.startswith('aiohttp.web') or m.startswith('aiohttp_')])"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
