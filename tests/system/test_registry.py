"""Real workers and a real scheduler: registered by opening, offline when killed, back, drained."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from app.cli.main import run
from tests.support.processes import Process
from tests.support.stage import Stage

pytestmark = pytest.mark.timeout(120)

# Nothing is awaited longer than a lease, the shortest of which is 5 s.
QUICK = {
    "ONEWRITER_ACTIVATION_INTERVAL": "0.1",
    "ONEWRITER_STALE_INTERVAL": "0.1",
    "ONEWRITER_STALE_AFTER": "1",
    "ONEWRITER_REACTIVATION_INTERVAL": "0.1",
}


@pytest.fixture
def cli(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs a command line: (exit code, stdout)."""
    monkeypatch.setenv("ONEWRITER_DATABASE_URL", stage.db.dsn("server"))

    def call(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = run(["workers", *arguments])
        return code, capsys.readouterr().out

    return call


def worker(stage: Stage) -> dict[str, Any]:
    (row,) = stage.rows("select * from server_api.worker")
    return row


def becomes(stage: Stage, status: str) -> None:
    stage.until(lambda: worker(stage)["status"] == status, say=lambda: worker(stage))


def test_a_worker_registers_goes_offline_when_killed_and_comes_back(stage: Stage) -> None:
    scheduler = stage.processes.scheduler(stage.db.dsn("server"), **QUICK)
    process = stage.worker("-c", "3", "-q", "one", ONEWRITER_REGION="eu", ONEWRITER_TASKS_VERSION="7")
    becomes(stage, "active")
    row = worker(stage)
    assert row["name"] == f"{socket.gethostname()}/worker"
    assert (row["region"], row["capacity"], row["queues"]) == ("eu", 3, ["one"])
    assert row["versions"]["tasks"] == "7"
    assert (row["sessions"], row["last_heartbeat_at"] is not None) == (1, True)
    process.kill()
    becomes(stage, "offline")
    stage.until(lambda: worker(stage)["sessions"] == 0, say=lambda: "its session isn't lost")
    stage.worker("-q", "one")
    becomes(stage, "active")
    assert worker(stage)["id"] == row["id"]
    assert "is offline" in scheduler.output()
    moves = stage.rows("select from_status, to_status, actor from server_api.worker_transition order by id")
    assert [(m["from_status"], m["to_status"]) for m in moves] == [
        ("pending", "active"), ("active", "offline"), ("offline", "active"),
    ]  # fmt: skip
    assert {m["actor"] for m in moves} == {"scheduler"}


def test_a_drained_worker_ends_what_it_runs_and_starts_nothing_until_it_is_resumed(
    stage: Stage, cli: Callable[..., tuple[int, str]]
) -> None:
    process = stage.worker("-c", "1", ONEWRITER_HEARTBEAT="1")
    name = worker(stage)["name"]
    running = stage.enqueue("sleep", {"seconds": 1.0})
    stage.is_running(running)
    waiting = stage.enqueue("echo")
    code, out = cli("drain", name, "--reason", "kernel", "--wait", "--json")
    assert (code, json.loads(out)["running"]) == (0, 0)
    assert stage.ended(running)["status"] == "succeeded"
    _beats(stage, process)
    assert stage.job(waiting)["status"] == "ready"
    assert cli("resume", name)[0] == 0
    assert stage.ended(waiting)["status"] == "succeeded"


def _beats(stage: Stage, process: Process) -> None:
    """It has been there since, and asked again."""
    (before,) = stage.sessions(process)
    stage.until(lambda: stage.sessions(process)[0]["last_seen_at"] > before["last_seen_at"])


def test_two_logins_on_one_host_have_two_names(stage: Stage) -> None:
    stage.worker()
    thief = stage.processes.worker(stage.db.dsn("worker2"))
    stage.until(lambda: not thief.running())
    assert thief.wait() == 2
    assert "belongs to another login" in thief.output()
    assert len(thief.output().strip().splitlines()[-1]) < 200, "one sentence"


def test_the_commands(stage: Stage, cli: Callable[..., tuple[int, str]]) -> None:
    assert cli("ls")[0] == 0
    assert json.loads(cli("ls", "--json")[1]) == []
    assert cli("show", "99")[0] == 3
    assert cli("drain", "no/body")[0] == 3
    process = stage.worker()
    (listed,) = json.loads(cli("ls", "--json")[1])
    name = listed["name"]
    assert cli("check") == (
        0,
        f"pending -> active     {name}\nactive -> offline     -\noffline -> active     -\n",
    )
    assert json.loads(cli("check", "--json")[1])["pending -> active"] == []
    job = stage.enqueue("sleep", {"seconds": 30})
    stage.is_running(job)
    shown = json.loads(cli("show", str(listed["id"]), "--history", "5", "--json")[1])
    assert [row["id"] for row in shown["running"]] == [job]
    assert (shown["worker"]["status"], len(shown["heartbeats"]) >= 1) == ("active", True)
    text = cli("show", name)[1]
    assert all(word in text for word in ("sessions", "running", "transitions", "heartbeat was heard"))
    assert cli("rm", name)[0] == 4
    process.kill()
    stage.end_lease(process)
    stage.server.execute("select server_api.rescue()")
    assert cli("rm", name, "--reason", "old")[0] == 0
    assert cli("show", name)[0] == 3


def test_the_demo_tells_a_whole_life_and_leaves_nothing(
    stage: Stage, cli: Callable[..., tuple[int, str]]
) -> None:
    code, out = cli("demo")
    assert code == 0
    said = [line.split()[-1] for line in out.splitlines()[:8]]
    assert said == ["pending", "pending", "pending", "active", "active", "offline", "offline", "active"]
    assert out.splitlines()[-1].endswith("is removed")
    for view in ("worker", "worker_heartbeat", "worker_transition"):
        assert stage.rows(f"select * from server_api.{view}") == []
