"""The catalogue that the worker prints is what the API validates by."""

import functools
import json
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest
from pydantic import ValidationError, create_model

from app.commands.tasks import check_catalogue
from tests.contract import sample_tasks
from tests.support.processes import ONEWRITER, run
from tests.support.stage import Stage
from worker.app import App
from worker.catalogue import catalogue
from worker.modules import load_modules

MODULE = "tests.contract.sample_tasks"
FUNCTIONS: dict[str, Any] = {
    "shop.order": sample_tasks.order,
    "shop.report": sample_tasks.report,
    "shop.anything": sample_tasks.anything,
    "shop.untyped": sample_tasks.untyped,
    "shop.mapping": sample_tasks.mapping,
}
LINE = {"article": "a", "count": 3}
ARGUMENTS: list[tuple[str, dict[str, Any], bool]] = [
    ("shop.order", {"number": 1, "lines": [LINE]}, True),
    ("shop.order", {"number": 1, "lines": [], "colour": "blue", "note": None}, True),
    ("shop.order", {"number": 1, "lines": [{"article": "a"}], "note": "x"}, True),
    ("shop.order", {"number": "1", "lines": []}, False),
    ("shop.order", {"number": 1.5, "lines": []}, False),
    ("shop.order", {"number": True, "lines": []}, False),
    ("shop.order", {"number": None, "lines": []}, False),
    ("shop.order", {"lines": []}, False),
    ("shop.order", {"number": 1, "lines": {}}, False),
    ("shop.order", {"number": 1, "lines": [{"article": 1}]}, False),
    ("shop.order", {"number": 1, "lines": [{"article": "a", "count": 0}]}, False),
    ("shop.order", {"number": 1, "lines": [{"article": "a", "count": 100}]}, False),
    ("shop.order", {"number": 1, "lines": [LINE], "colour": "green"}, False),
    ("shop.order", {"number": 1, "lines": [LINE], "more": 1}, False),
    ("shop.report", {"day": "2026-02-28"}, True),
    ("shop.report", {"day": "2026-02-28", "kind": "long"}, True),
    ("shop.report", {"day": "2026-02-28", "kind": "other"}, False),
    ("shop.report", {"day": 5}, False),
    ("shop.report", {"day": "2026-02-28", "context": {}}, False),
    ("shop.anything", {}, True),
    ("shop.anything", {"x": [1, {"y": None}], "ü": 1e300}, True),
    ("shop.untyped", {"a": {"any": ["thing"]}}, True),
    ("shop.untyped", {"b": 1}, False),
    ("shop.untyped", {"a": 1, "c": 1}, False),
    ("shop.mapping", {"rates": {"eur": 1.5, "usd": 2}, "flag": True, "_hidden": 3}, True),
    ("shop.mapping", {"rates": {"eur": "1.5"}, "flag": True}, False),
    ("shop.mapping", {"rates": {}, "flag": 1}, False),
]


@functools.cache
def printed() -> str:
    return run([sys.executable, "-m", "worker.catalogue"], ONEWRITER_TASKS=MODULE)


def test_the_app_takes_what_the_worker_prints() -> None:
    app = App(modules=lambda: [MODULE])
    text = json.dumps(catalogue(app)).encode()
    assert json.loads(check_catalogue(text)) == json.loads(text)


def test_printed_and_published(stage: Stage) -> None:
    """As an operator does it: one program's output is the other's input, twice."""
    environ = {"ONEWRITER_DATABASE_URL": stage.db.dsn("server")}
    publish = [*ONEWRITER, "tasks", "publish", "-", "--source", "contract", "--json"]
    document = printed()
    first = json.loads(run(publish, given=document, **environ))
    names = [task["name"] for task in json.loads(document)["tasks"]]
    assert set(FUNCTIONS) == set(names)
    none = {"added": [], "changed": [], "removed": [], "unchanged": 0}
    assert first == {**none, "added": names, "schedules": none}
    again = json.loads(run(publish, given=document, **environ))
    assert again == {**none, "unchanged": len(names), "schedules": none}
    stored = {row["name"]: row for row in stage.rows("select * from server_api.task")}
    for task in json.loads(document)["tasks"]:
        row = stored[task["name"]]
        for field in (
            "queue",
            "priority",
            "lock",
            "queueing_lock",
            "description",
            "timeout",
            "max_attempts",
            "events",
            "group",
        ):
            assert row[field] == task[field], field
        assert (row["schema"], row["retry"]) == (task["schema"], task["retry"])


def test_max_attempts_counts_runs() -> None:
    tasks = {task["name"]: task for task in json.loads(printed())["tasks"]}
    assert tasks["shop.order"]["max_attempts"] == 5
    assert tasks["shop.order"]["retry"]["max_attempts"] == 4
    assert tasks["shop.report"]["max_attempts"] == 1


class Client:
    """One key at a served API."""

    def __init__(self, url: str, key: str) -> None:
        self._url, self._key = url, key

    def post(self, body: dict[str, Any]) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/v1/jobs", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)


@pytest.fixture
def client(stage: Stage) -> Client:
    environ = {"ONEWRITER_DATABASE_URL": stage.db.dsn("server")}
    run([*ONEWRITER, "tasks", "publish", "-", "--source", "contract"], given=printed(), **environ)
    key = run([*ONEWRITER, "keys", "create", "contract", "--scope", "jobs:write"], **environ).strip()
    return Client(stage.api(), key)


def accepts(name: str, args: dict[str, Any]) -> bool:
    """What the worker's pydantic says of the same JSON, strictly, as JSON has no other types."""
    task = FUNCTIONS[name]
    hints = {**task.func.__annotations__}
    hints.pop("return", None)
    hints.pop("context", None)
    fields: dict[str, Any] = {}
    code = task.func.__code__
    names = code.co_varnames[: code.co_argcount]
    defaults = dict(zip(reversed(names), reversed(task.func.__defaults__ or ()), strict=False))
    for field in names:
        if field != "context":
            fields[field.lstrip("_")] = (hints.get(field, Any), defaults.get(field, ...))
    extra = "allow" if name == "shop.anything" else "forbid"
    model = create_model("Model", __config__={"extra": extra, "strict": True}, **fields)  # type: ignore[call-overload]
    given = {key.lstrip("_"): value for key, value in args.items()}
    try:
        model.model_validate_json(json.dumps(given))
    except ValidationError:
        return False
    return True


def test_the_api_refuses_what_the_workers_types_refuse(client: Client) -> None:
    for name, args, good in ARGUMENTS:
        status, body = client.post({"task": name, "args": args})
        assert status == (201 if good else 422), (name, args, body)
        assert accepts(name, args) is good, (name, args)
        if not good:
            assert all(error["field"].startswith("args") for error in body["errors"]), body


def test_the_tasks_defaults_are_the_jobs(stage: Stage, client: Client) -> None:
    status, body = client.post({"task": "shop.order", "args": {"number": 1, "lines": []}})
    assert status == 201
    job = stage.job(body["id"])
    assert (job["queue"], job["priority"], job["lock"], job["max_attempts"]) == ("shop", 2, "till", 5)


def test_what_the_api_took_the_worker_runs(stage: Stage, client: Client) -> None:
    """Through the whole path, with each task's smallest arguments."""
    ids = [client.post({"task": name, "args": args})[1]["id"] for name, args, good in ARGUMENTS if good]
    stage.worker(ONEWRITER_TASKS=MODULE)
    assert stage.all_ended() == {"succeeded": len(ids)}


def test_an_app_loads_a_module_once() -> None:
    app = App()
    load_modules(app, [MODULE, MODULE])
    assert set(FUNCTIONS) < set(app.tasks)
