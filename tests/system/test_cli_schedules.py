"""`onewriter schedules` and `tasks publish` against a real database; a run is followed by real processes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.stage import Stage
from tests.system.conftest import Cli
from worker.app import App
from worker.catalogue import catalogue
from worker.modules import load_modules

ADD = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
       "required": ["a"], "additionalProperties": False}  # fmt: skip
TASKS = [
    {"name": "sample.add", "schema": ADD, "group": "nightly"},
    {"name": "sample.length", "schema": {"type": "object"}, "group": "nightly"},
    {"name": "tick", "schema": {"type": "object", "required": ["timestamp"]}},
]
NIGHTLY = (
    "--cron",
    "30 2 * * *",
    "--timezone",
    "Europe/Berlin",
    "--task",
    "sample.add",
    "--args",
    '{"a": 1}',
)


@pytest.fixture
def publish(cli: Cli, tmp_path: Path) -> Any:
    """Publishes the tasks with these schedules: (exit code, stdout, stderr)."""

    def call(*schedules: dict[str, Any], source: str = "here") -> tuple[int, str, str]:
        path = tmp_path / "catalogue.json"
        path.write_text(json.dumps({"catalogue": 1, "tasks": TASKS, "schedules": schedules}))
        return cli("tasks", "publish", str(path), "--source", source)

    return call


def shown(cli: Cli, name: str) -> Any:
    code, out, err = cli("schedules", "show", name, "--json")
    assert code == 0, err
    return json.loads(out)


def test_the_life_of_a_schedule(cli: Cli, publish: Any) -> None:
    publish()
    code, out, err = cli("schedules", "create", "nightly", *NIGHTLY, "--reason", "the books")
    assert (code, out) == (0, "created nightly, revision 1\n"), err
    assert "Europe/Berlin" in err
    assert cli("schedules", "create", "nightly", *NIGHTLY)[0] == 4
    row = shown(cli, "nightly")
    assert row["effective"] == {
        "cron": "30 2 * * *", "timezone": "Europe/Berlin", "target": {"task": "sample.add"}, "args": {"a": 1},
    }  # fmt: skip
    assert (row["state"], row["target"], row["origin"]) == ("active", "sample.add", "api")
    assert row["created_by"].startswith("cli:")

    edited = cli("schedules", "edit", "nightly", "--every", "90", "--group", "nightly", "--missed", "skip")
    assert edited[:2] == (0, "changed nightly, revision 2\n")
    assert shown(cli, "nightly")["effective"] == {
        "every": 90, "timezone": "Europe/Berlin", "target": {"group": "nightly"}, "args": {"a": 1},
        "missed": "skip",
    }  # fmt: skip
    for verb, state in (("pause", "paused"), ("resume", "active")):
        assert cli("schedules", verb, "nightly", "--reason", "quiet")[0] == 0
        assert shown(cli, "nightly")["state"] == state
    assert [row["target"] for row in json.loads(cli("schedules", "ls", "--json")[1])] == ["group nightly"]
    assert "group nightly" in cli("schedules", "ls")[1]
    assert "Every 90 s" in cli("schedules", "show", "nightly")[1]

    assert cli("schedules", "rm", "nightly") == (0, "", "removed nightly\n")
    assert [cli("schedules", *verb)[0] for verb in (("rm", "nightly"), ("show", "nightly"))] == [3, 3]


def test_what_is_no_schedule(cli: Cli, publish: Any) -> None:
    publish()
    every_minute = ("--cron", "* * * * *")
    add = ("--task", "sample.add")
    for options, field in (
        (add, "cron, every, at"),
        (every_minute, "target"),
        (("--cron", "61 * * * *", *add), "cron"),
        ((*every_minute, *add, "--group", "nightly"), "target"),
        ((*every_minute, "--task", "nobody"), "target.task: is not published"),
        ((*every_minute, *add, "--args", '{"a": "x"}'), "args.a"),
        ((*every_minute, *add, "--args", "[1]"), "--args"),
        ((*every_minute, *add, "--missed", "never"), "--missed"),
        (("--at", "2027-01-01T00:00:00", *add), "at[0]"),
        (("--definition", "/no/such/file"), "--definition"),
    ):
        code, _, err = cli("schedules", "create", "x", *options)
        assert (code, field in err, err.count("\n")) == (2, True, 1), err
    assert json.loads(cli("schedules", "ls", "--json")[1]) == []


def test_a_definition_from_a_file_with_options_over_it(cli: Cli, publish: Any, tmp_path: Path) -> None:
    publish()
    file = tmp_path / "definition.json"
    file.write_text('{"at": ["2030-01-01T00:00:00Z"], "target": {"tasks": ["sample.add"]}, "args": {"a": 1}}')
    assert cli("schedules", "create", "x", "--definition", str(file), "--task", "tick")[0] == 2
    assert cli("schedules", "create", "x", "--definition", str(file), "--priority", "7", "--disabled")[0] == 0
    assert shown(cli, "x")["effective"] == {
        "at": ["2030-01-01T00:00:00Z"], "target": {"tasks": ["sample.add"]}, "args": {"a": 1}, "priority": 7,
        "enabled": False,
    }  # fmt: skip
    file.write_text('{"priority": null, "args": {"b": 5}}')
    assert cli("schedules", "edit", "x", "--definition", str(file), "--enabled")[0] == 0
    assert shown(cli, "x")["effective"] == {
        "at": ["2030-01-01T00:00:00Z"], "target": {"tasks": ["sample.add"]}, "args": {"a": 1, "b": 5},
    }  # fmt: skip


def test_a_preview_marks_what_the_clocks_do(cli: Cli, publish: Any) -> None:
    publish()
    cli("schedules", "create", "nightly", *NIGHTLY)
    spring = ("--from", "2027-03-27T00:00:00Z", "--limit", "2")
    code, out, err = cli("schedules", "preview", "nightly", *spring, "--json")
    assert code == 0, err
    preview = json.loads(out)
    assert (preview["timezone"], [fire["dst"] for fire in preview["fires"]]) == (
        "Europe/Berlin",
        [None, "shifted"],
    )
    assert preview["fires"][1] == {
        "planned_at": "2027-03-28T01:30:00Z", "local": "2027-03-28T03:30:00+02:00", "dst": "shifted",
    }  # fmt: skip
    assert "Sun 2027-03-28 03:30:00 +0200  shifted" in cli("schedules", "preview", "nightly", *spring)[1]
    skipped = json.loads(cli("schedules", "preview", "nightly", "--gap", "skip", *spring, "--json")[1])
    assert [fire["dst"] for fire in skipped["fires"]] == [None, None]
    alone = cli("schedules", "preview", *NIGHTLY, "--overlap", "both", "--from", "2027-10-31T00:00:00Z",
                "--to", "2027-10-31T12:00:00Z", "--json")  # fmt: skip
    assert [fire["dst"] for fire in json.loads(alone[1])["fires"]] == ["first", "second"]
    assert cli("schedules", "preview", "--cron", "* * * * *")[0] == 2
    assert cli("schedules", "preview", "nobody")[0] == 3
    assert shown(cli, "nightly")["revision"] == 1


def test_publishing_schedules(cli: Cli, publish: Any) -> None:
    hourly = {
        "name": "tick",
        "definition": {"cron": "@hourly", "target": {"task": "tick"}, "timestamp": True, "args": {}},
    }
    daily = {"name": "tick:daily", "definition": {**hourly["definition"], "cron": "@daily"}}  # type: ignore[dict-item]
    code, out, err = publish(hourly, daily)
    assert code == 0, err
    assert out.splitlines()[-2:] == ["added    schedule tick", "added    schedule tick:daily"]
    assert cli("schedules", "edit", "tick", "--cron", "5 * * * *")[0] == 0
    assert "args" not in shown(cli, "tick")["definition"]
    assert shown(cli, "tick")["changes"] == {"cron": "5 * * * *"}

    assert publish(hourly)[1] == "removed  schedule tick:daily\n"
    assert shown(cli, "tick:daily")["state"] == "vanished"
    assert shown(cli, "tick")["effective"]["cron"] == "5 * * * *"
    assert cli("schedules", "rm", "tick")[0] == 4
    assert publish(hourly, daily)[1] == "added    schedule tick:daily\n"
    assert shown(cli, "tick:daily")["state"] == "active"
    assert json.loads(cli("tasks", "ls", "--json")[1])[0]["group"] == "nightly"

    code, _, err = publish({"name": "bad", "definition": {"cron": "61 * * * *", "target": {"task": "tick"}}})
    assert code == 2 and "schedules[0].definition.cron" in err
    assert publish({"name": "bad"})[0] == publish({"definition": {}})[0] == publish(hourly, hourly)[0] == 2
    assert publish(hourly, source="elsewhere")[0] == 4


def test_runs_are_asked_for_with_a_reason(cli: Cli, publish: Any) -> None:
    publish()
    cli("schedules", "create", "nightly", *NIGHTLY)
    cli("schedules", "pause", "nightly")
    assert cli("schedules", "run-now", "nightly")[0] == 2
    assert cli("schedules", "run-now", "nightly", "--reason", " ")[0] == 2
    assert cli("schedules", "run-now", "nobody", "--reason", "x")[0] == 3
    assert cli("schedules", "run-now", "nightly", "--reason", "x", "--args", '{"a": "y"}')[0] == 2
    code, out, err = cli("schedules", "run-now", "nightly", "--reason", "month end", "--args", '{"b": 2}')
    (run,) = json.loads(cli("schedules", "runs", "nightly", "--json")[1])
    assert (code, out) == (0, f"run {run['id']} of nightly\n")
    assert err == "the schedule is paused, this run is not\n"
    assert (run["trigger"], run["state"], run["reason"], run["args"]) == (
        "manual",
        "pending",
        "month end",
        {"b": 2},
    )
    assert cli("schedules", "run-now", "nightly", "--reason", "again")[0] == 4
    assert cli("schedules", "run-now", "nightly", "--reason", "again", "--force")[0] == 0
    assert "month end" in cli("schedules", "runs", "nightly", str(run["id"]))[1]
    assert cli("schedules", "runs", "nightly", "999999")[0] == 3
    (line,) = [line for line in json.loads(cli("audit", "ls", "--json")[1]) if line["reason"] == "month end"]
    assert (line["target"], line["detail"]["args"]) == ("nightly", {"b": 2})


def test_a_range_is_filled_in(cli: Cli, publish: Any) -> None:
    publish()
    cli("schedules", "create", "nightly", *NIGHTLY)
    days = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-04T00:00:00Z", "--reason", "lost")
    made = json.loads(cli("schedules", "backfill", "nightly", *days, "--concurrency", "2", "--json")[1])
    assert made["runs"] == 3
    runs = json.loads(cli("schedules", "runs", "nightly", "--trigger", "backfill", "--json")[1])
    assert [run["planned_at"] for run in runs] == [f"2026-03-0{day}T01:30:00Z" for day in (3, 2, 1)]
    assert cli("schedules", "backfill", "nightly", *days[:-2])[0] == 2


@pytest.mark.timeout(90)
def test_run_now_is_followed_to_its_end(
    cli: Cli, publish: Any, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By signals alone: nobody looks again within the test's time."""
    monkeypatch.setattr("app.cli.schedule_following._LOOK_AGAIN", 600)
    publish()
    cli("schedules", "create", "nightly", *NIGHTLY)
    cli("schedules", "create", "both", "--cron", "@yearly", "--group", "nightly", "--args", '{"a": 1}')
    cli("schedules", "create", "none", "--cron", "@yearly", "--group", "nobody")
    cli("schedules", "pause", "nightly")
    stage.worker()
    stage.scheduler()
    code, out, err = cli("schedules", "run-now", "nightly", "--reason", "now", "--wait")
    assert (code, err) == (0, "the schedule is paused, this run is not\n"), (out, stage.processes.logs())
    assert out.splitlines()[-1] == "succeeded: 1 of 1 jobs ended"
    assert "\r" not in out and "\x1b" not in out
    code, out, _ = cli("schedules", "run-now", "both", "--reason", "now", "--wait", "--json")
    run = json.loads(out)
    assert (code, run["outcome"], run["failed"]) == (1, "partial", 1)
    members = json.loads(cli("schedules", "runs", "both", str(run["id"]), "--json")[1])["members"]
    assert [(member["task"], member["status"]) for member in members] == [
        ("sample.add", "succeeded"), ("sample.length", "failed"),
    ]  # fmt: skip
    assert stage.job(members[0]["job_id"])["cause"]["reason"] == "now"
    code, out, _ = cli("schedules", "run-now", "none", "--reason", "now", "--wait")
    assert (code, out.splitlines()[-1]) == (1, "failed: 1 of 1 jobs ended, 1 failed")


def test_a_periodic_task_fires_once_it_is_published(cli: Cli, stage: Stage, tmp_path: Path) -> None:
    """The worker knows it from the start and defers nothing; what is published the scheduler fires."""
    module = "tests.system.periodic_tasks"
    worker = stage.worker(ONEWRITER_TASKS=module)
    stage.scheduler()
    app = App()
    load_modules(app, [module])
    file = tmp_path / "catalogue.json"
    file.write_text(json.dumps(catalogue(app)))
    published = cli("tasks", "publish", str(file), "--source", "here")
    assert published[1] == "added    clock.tick\nadded    schedule clock.tick:often\n"
    shows = ("schedules", "runs", "clock.tick:often", "--state", "finished", "--json")
    stage.until(lambda: len(json.loads(cli(*shows)[1])) > 1)
    assert cli("schedules", "pause", "clock.tick:often")[0] == 0
    ended = json.loads(cli(*shows)[1])
    assert {run["outcome"] for run in ended} == {"succeeded"}
    detail = json.loads(cli("schedules", "runs", "clock.tick:often", str(ended[0]["id"]), "--json")[1])
    planned = datetime.fromisoformat(detail["run"]["planned_at"])
    assert stage.job(detail["members"][0]["job_id"])["result"] == [int(planned.timestamp()), "x"]
    assert stage.rows("select 1 from server_api.job where cause ->> 'kind' is distinct from 'schedule'") == []
    assert "WorkerMayNotWrite" not in worker.output()
