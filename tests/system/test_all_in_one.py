"""`onewriter serve --all-in-one` as a service manager runs it: three processes under one command."""

import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import ONEWRITER, SHORT, TASKS, Process, address
from tests.support.stage import Stage

NAMES = ("worker", "scheduler", "api")
IMPORTTIME = [ONEWRITER[0], "-X", "importtime", *ONEWRITER[1:]]
IMPORTED = re.compile(r"^import time: .*\| +([\w.]+)$", re.MULTILINE)
RUNS = re.compile(r"onewriter \| .* (\w+) runs as process (\d+)$", re.MULTILINE)

Start = Callable[..., Process]


@pytest.fixture
def start(stage: Stage) -> Start:
    """All in one on this test's database; up, unless told not to wait."""

    def run(*options: str, command: Any = ONEWRITER, wait: bool = True, **settings: str) -> Process:
        given = {
            "ONEWRITER_DATABASE_URL": stage.db.dsn("server"),
            "ONEWRITER_WORKER_DATABASE_URL": stage.db.dsn("worker"),
            "ONEWRITER_TASKS": TASKS,
            **SHORT,
            **settings,
        }
        arguments = [*command, "serve", "--all-in-one", "--port", "0", *options]
        process = stage.processes.start("all-in-one", arguments, given)
        if wait:
            stage.until(lambda: is_up(stage, process), 40, lambda: "it isn't up")
        return process

    return run


def is_up(stage: Stage, process: Process) -> bool:
    """Each child that was started: its API serves, its scheduler leads, its worker has a session."""
    said, worker = process.output(), children(process).get("worker")
    started = [name for name, _ in RUNS.findall(said)]
    live = [row for row in stage.sessions() if row["info"]["pid"] == worker and row["state"] == "live"]
    serves = len(re.findall(r"serving on http", said)) == started.count("api")
    leads = len(re.findall(r"election: leading$", said, re.MULTILINE)) == started.count("scheduler")
    return bool(serves and leads and live) and ready(process)["status"] == "ready"


def children(process: Process) -> dict[str, int]:
    """Process ids by name: the last that each was started as."""
    return {name: int(pid) for name, pid in RUNS.findall(process.output())}


def runs(pid: int) -> bool:
    """Whether it is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ready(process: Process) -> dict[str, Any]:
    """What the API that was announced last says of itself."""
    url = re.findall(r"serving on (http://\S+)", process.output())[-1]
    try:
        answer = urllib.request.urlopen(f"{url}/readyz", timeout=10)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        found: dict[str, Any] = json.load(answer)
    return found


def sure(stage: Stage, process: Process, name: str, old: int) -> None:
    """Until another process has taken the place of that child, and works."""
    stage.until(lambda: children(process)[name] != old and is_up(stage, process), 40)


def test_three_processes_of_one_command(stage: Stage, start: Start, tmp_path: Path) -> None:
    """From the first job to SIGTERM, which a running job may wait out."""
    process = start("--concurrency", "3", "--queues", "default,other", command=IMPORTTIME)
    pids = children(process)
    assert set(pids) == set(NAMES) and all(runs(pid) for pid in pids.values())
    assert re.search(r"^api       \| serving on http", process.output(), re.MULTILINE)
    assert ready(process)["checks"]["scheduler"] == "ok"
    (session,) = stage.sessions()
    assert (session["info"]["concurrency"], session["queues"]) == (3, ["default", "other"])
    assert logins(pids) == {
        "worker": {"onewriter_test_worker"},
        "scheduler": {"onewriter_test_server"},
        "api": {"onewriter_test_server"},
    }
    assert Path(f"/proc/{pids['worker']}/oom_score_adj").read_text() == "500\n"
    eater = stage.enqueue("sample.eats_memory", {"megabytes": 50}, queue="other", max_attempts=1)
    assert stage.ended(eater, 40)["status"] == "failed"
    assert ready(process)["status"] == "ready"
    ends_in_order(stage, process, tmp_path / "now")
    imported = set(IMPORTED.findall(process.output()))
    assert "app.supervisor.main" in imported
    assert foreign(imported, "app.http", "app.scheduler", "aiohttp", "worker", "procrastinate") == set()


def ends_in_order(stage: Stage, process: Process, flag: Path) -> None:
    """SIGTERM while a job runs: the API serves until that has ended."""
    pids = children(process)
    job = stage.enqueue("sample.waits_for", {"file": str(flag)})
    stage.is_running(job)
    os.kill(process.pid, signal.SIGTERM)
    stage.until(lambda: "Waiting for job to finish" in process.output())
    assert runs(pids["scheduler"]) and ready(process)["status"] == "ready"
    flag.touch()
    assert process.wait() == 0, process.output()
    assert [attempt["status"] for attempt in stage.attempts(job)] == ["succeeded"]
    ended = re.findall(r"onewriter \| .* (\w+) ended with exit code 0$", process.output(), re.MULTILINE)
    assert ended == list(NAMES)
    assert not any(runs(pid) for pid in pids.values())


def logins(pids: dict[str, int]) -> dict[str, set[str]]:
    """Those that each process finds in its environment."""
    environments = {name: Path(f"/proc/{pid}/environ").read_text() for name, pid in pids.items()}
    return {name: set(re.findall(r"onewriter_test_\w+", text)) for name, text in environments.items()}


@pytest.mark.soak
def test_a_killed_child_is_started_again(stage: Stage, start: Start) -> None:
    process = start()
    for name in NAMES:
        before = children(process)
        os.kill(before[name], signal.SIGKILL)
        sure(stage, process, name, before[name])
        after = children(process)
        assert [other for other in NAMES if after[other] != before[other]] == [name]
    assert process.output().count("was ended by signal 9; starting it again") == 3
    assert stage.ended(stage.enqueue("sample.add", {"a": 1}))["status"] == "succeeded"
    assert ready(process)["status"] == "ready"


@pytest.mark.parametrize("task", ["ended_by_the_kernel", pytest.param("segfaults", marks=pytest.mark.soak)])
def test_a_job_that_takes_its_process_along(stage: Stage, start: Start, task: str) -> None:
    """The API and the scheduler never notice, the job counts as crashed; nobody outlives a killed parent."""
    process = start()
    before = children(process)
    job = stage.enqueue(f"sample.{task}", max_attempts=1)
    stage.until(lambda: children(process)["worker"] != before["worker"])
    assert ready(process)["status"] == "ready"
    for crashes in (1, 2, 3):
        stage.until(
            lambda crashes=crashes: lost(stage, process, job) >= crashes,  # type: ignore[misc]
            30,
        )
    assert (stage.job(job)["status"], stage.job(job)["reason"]) == ("failed", "lost")
    assert stage.ended(stage.enqueue("sample.add", {"a": 1}))["status"] == "succeeded"
    after = children(process)
    assert (after["api"], after["scheduler"]) == (before["api"], before["scheduler"])
    process.kill()
    stage.until(lambda: not any(runs(pid) for pid in after.values()), 30)


def lost(stage: Stage, process: Process, job: int) -> int:
    """How often it was lost; leases of workers that are no more end now."""
    admin = stage.db.connect("admin")
    admin.execute(
        """update jobs.session set expires_at = clock_timestamp() - interval '1 ms'
            where (info ->> 'pid')::int <> %s and closed_at is null and lost_at is null""",
        [children(process)["worker"]],
    )
    admin.execute("notify ow_sched")
    admin.close()
    return len(stage.attempts(job))


@pytest.mark.soak
def test_one_that_never_comes_up_ends_the_whole(stage: Stage, start: Start) -> None:
    """Its own words say why; the exit code is its."""
    process = start(wait=False, ONEWRITER_TASKS="tests.system.no_such_module")
    code = process.wait(60)
    said = process.output()
    assert code != 0
    assert said.count("worker runs as process") == 5
    assert "5 times in a row: giving up" in said
    assert "no_such_module" in said
    assert re.findall(r"(\w+) ended with exit code 0$", said, re.MULTILINE) == ["scheduler", "api"]


def test_serve_alone_imports_no_task_and_runs_no_job(stage: Stage) -> None:
    """With a worker's login and its task modules in the environment."""
    settings = {
        "ONEWRITER_DATABASE_URL": stage.db.dsn("server"),
        "ONEWRITER_WORKER_DATABASE_URL": stage.db.dsn("worker"),
        "ONEWRITER_TASKS": TASKS,
    }
    job = stage.enqueue("sample.add", {"a": 1})
    process = stage.processes.start("api", [*IMPORTTIME, "serve", "--port", "0"], settings)
    stage.until(lambda: address(process), say=lambda: "it isn't up")
    assert ready(process)["checks"]["scheduler"] == "nobody leads"
    imported = set(IMPORTED.findall(process.output()))
    assert "app.http.main" in imported
    assert foreign(imported, "worker", "procrastinate", "tests") == set()
    assert stage.job(job)["status"] == "ready"
    assert stage.sessions() == []


def foreign(imported: set[str], *packages: str) -> set[str]:
    return {
        name for name in imported if name in packages or name.startswith(tuple(f"{p}." for p in packages))
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--all-in-one"], "ONEWRITER_WORKER_DATABASE_URL"),
        (["--all-in-one", "--concurrency", "0"], "--concurrency"),
        (["--queues", "a"], "--all-in-one"),
    ],
)
def test_what_is_missing_is_refused_before_anything_starts(
    cli: Callable[..., tuple[int, str, str]], arguments: list[str], said: str
) -> None:
    code, out, err = cli("serve", *arguments)
    assert (code, out) == (2, "")
    assert said in err and err.count("\n") == 1
