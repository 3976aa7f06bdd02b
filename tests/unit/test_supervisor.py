"""The supervisor's parts with children that are quicker than ours."""

import asyncio
import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from app.settings import Settings
from app.supervisor import child, keeper, programs
from app.supervisor.child import Child, Program, pass_on
from app.supervisor.keeper import Keeper
from app.supervisor.main import supervise
from tests.support.processes import ROOT

Make = Callable[..., Program]

# Modules that the children run.
SOURCES = {
    "ends": "import sys; sys.exit(7)",
    "sleeps": "import time; time.sleep(60)",
    "deaf": """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)
""",
}


@pytest.fixture
def program(tmp_path: Path) -> Make:
    for module, source in SOURCES.items():
        (tmp_path / f"{module}.py").write_text(source)

    def make(*module: str, name: str = "one") -> Program:
        return Program(name, module, {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"})

    return make


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "Backoff", _NoPause)


class _NoPause:
    def next(self) -> float:
        return 0.0

    def reset(self) -> None:
        pass


async def test_five_ends_at_once_are_the_end(program: Make, caplog: pytest.LogCaptureFixture) -> None:
    assert await Keeper(program("ends")).run() == 7
    said = [record.getMessage() for record in caplog.records]
    assert len([line for line in said if "starting it again" in line]) == keeper.MOST - 1
    assert said[-1] == "one ended with exit code 7, 5 times in a row: giving up"


async def test_a_child_that_ran_for_a_while_begins_to_count_anew(
    program: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "AT_ONCE", 0.0)
    running = asyncio.create_task(Keeper(program("ends")).run())
    done, _ = await asyncio.wait([running], timeout=1.0)
    assert not done
    running.cancel()


async def test_a_signal_is_no_end_at_once(program: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    kept = Keeper(program("sleeps"))
    running = asyncio.create_task(kept.run())
    for _ in range(keeper.MOST + 1):
        await until(lambda: kept._child is not None)
        victim = kept._child
        assert victim is not None
        os.kill(victim.pid, signal.SIGKILL)
        await until(lambda victim=victim: kept._child is not victim)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await kept.end(monotonic() + 10)


async def test_who_does_not_listen_is_killed(program: Make, tmp_path: Path) -> None:
    deaf = Child(program("deaf", str(tmp_path / "deaf")))
    await until((tmp_path / "deaf").exists)
    assert await deaf.end(monotonic() + 0.1) == -signal.SIGKILL


async def test_the_code_of_who_gives_up_is_the_wholes(
    program: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert await supervise([program("sleeps", name="first"), program("ends", name="second")], grace=10) == 7
    assert caplog.records[-1].getMessage() == "first was ended by signal 15"


async def test_a_program_that_cannot_be_started_leaves_none_running(
    program: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    broken = Program("broken", ["ends"], {"not": 1})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        await supervise([program("sleeps", name="first"), broken], grace=10)
    assert caplog.records[-1].getMessage() == "first was ended by signal 15"


def test_lines_have_the_name_in_front_and_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LONGEST_LINE", 4)
    out = io.BytesIO()
    pass_on(io.BytesIO(b"a\n\nabcdef\nend"), b"x | ", out)
    assert out.getvalue() == b"x | a\nx | \nx | abcd\nx | ef\nx | end\n"


def test_a_sink_that_is_gone_does_not_stop_the_source() -> None:
    class Gone(io.BytesIO):
        def write(self, *_: Any) -> int:
            raise BrokenPipeError

    source = io.BytesIO(b"a\nb\n")
    pass_on(source, b"", Gone())
    assert source.closed


def test_no_child_has_anothers_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("", "WORKER_", "ADMIN_", "JANITOR_", "HANDLER_"):
        monkeypatch.setenv(f"ONEWRITER_{name}DATABASE_URL", f"postgresql://{name.lower()}@h/d")
    monkeypatch.setenv("ONEWRITER_ADMIN_DATABASE_URL_FILE", str(tmp_path / "secret"))
    (tmp_path / "secret").write_text("postgresql://file@h/d")
    monkeypatch.setenv("ONEWRITER_LEASE", "20")
    settings = Settings(_env_file=None)
    held = {
        each.name: {name for name in each.environment if "DATABASE_URL" in name}
        for each in (
            programs.api(settings),
            programs.scheduler(),
            programs.worker(settings, queues=None, concurrency=None),
        )
    }
    assert held == {
        "api": {"ONEWRITER_DATABASE_URL", "ONEWRITER_HANDLER_DATABASE_URL"},
        "scheduler": {"ONEWRITER_DATABASE_URL", "ONEWRITER_JANITOR_DATABASE_URL"},
        "worker": {"ONEWRITER_WORKER_DATABASE_URL"},
    }


def test_what_the_env_file_says_reaches_the_worker(tmp_path: Path) -> None:
    """The worker reads its environment alone."""
    file = tmp_path / ".env"
    file.write_text("ONEWRITER_WORKER_DATABASE_URL=postgresql://w@h/d\nONEWRITER_TASKS=mine\n")
    worker = programs.worker(Settings(_env_file=file), queues="a,b", concurrency=4)
    assert worker.environment["ONEWRITER_TASKS"] == "mine"
    assert worker.environment["ONEWRITER_WORKER_DATABASE_URL"] == "postgresql://w@h/d"
    assert {"--queues=a,b", "--concurrency=4"} <= set(worker.module)


def test_a_program_whose_parent_has_ended_does_not_begin(program: Make) -> None:
    nobody = [sys.executable, "-m", "app.supervisor.tether", "1", "0", sys.executable, "-m", "sleeps"]
    done = subprocess.run(nobody, env=program().environment, capture_output=True, check=False, timeout=20)
    assert (done.returncode, done.stderr) == (1, b"the parent ended before its child began\n")


async def until(met: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not met():  # noqa: ASYNC110 (another process is waited for)
            await asyncio.sleep(0.001)
