"""Real processes as a service manager runs them: worker, API, scheduler. None outlives its test."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
ONEWRITER = (sys.executable, "-c", "from app.cli.main import main; main()")
WORKER = (sys.executable, "-m", "procrastinate", "--app=worker.main.app", "worker")
TASKS = "tests.system.sample_tasks"
# The shortest lease there is, so that what is lost is found within seconds.
SHORT = {"ONEWRITER_LEASE": "5", "ONEWRITER_HEARTBEAT": "1", "ONEWRITER_TIMEOUT_GRACE": "0.3"}
# Nothing but NOTIFY and `due` can be faster than this heartbeat.
SILENT = {"ONEWRITER_LEASE": "180", "ONEWRITER_HEARTBEAT": "60"}


class Process:
    """One started program; what it says on either stream is in its log."""

    def __init__(self, command: Sequence[str], environ: dict[str, str], log: Path, cwd: Path) -> None:
        self.log = log
        with log.open("wb") as out:
            self._popen = subprocess.Popen(
                command, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def running(self) -> bool:
        return self._popen.poll() is None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, timeout: float = 30) -> int:
        return self._popen.wait(timeout)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self._popen.terminate()
        return self.wait()

    def kill(self) -> None:
        """kill -9; also reaches a frozen one."""
        self._popen.kill()
        self._popen.wait()

    def freeze(self) -> None:
        self._popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._popen.send_signal(signal.SIGCONT)


class Processes:
    """All that a test has started: `with Processes(folder) as processes`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.started:
            process.kill()

    def start(
        self, name: str, command: Sequence[str], settings: dict[str, str], *, tree: Path = ROOT
    ) -> Process:
        """`settings` beside an environment without any of onewriter's; `tree` is where packages come from."""
        log = self.folder / f"{len(self.started)}-{name}.log"
        # Not started in the tree: an .env there belongs to whoever develops.
        process = Process(command, {**environment(tree), **settings}, log, self.folder)
        self.started.append(process)
        return process

    def worker(self, dsn: str, *options: str, **settings: str) -> Process:
        """`procrastinate --app=worker.main.app worker` with the sample tasks."""
        given = {"ONEWRITER_WORKER_DATABASE_URL": dsn, "ONEWRITER_TASKS": TASKS, **SHORT, **settings}
        return self.start("worker", [*WORKER, *options], given)

    def scheduler(self, dsn: str, **settings: str) -> Process:
        return self.start("scheduler", [*ONEWRITER, "scheduler"], {"ONEWRITER_DATABASE_URL": dsn, **settings})

    def api(self, dsn: str) -> Process:
        return self.start("api", [*ONEWRITER, "serve", "--port", "0"], {"ONEWRITER_DATABASE_URL": dsn})

    def logs(self) -> str:
        """The end of each, for a test that fails."""
        return "\n".join(f"--- {one.log.name}\n{one.output()[-4000:]}" for one in self.started)


def environment(tree: Path = ROOT) -> dict[str, str]:
    """The shell's, with nothing in it that steers onewriter, Procrastinate or libpq."""
    ours = ("ONEWRITER_", "PROCRASTINATE_", "PG", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(tree), "PYTHONUNBUFFERED": "1"}


def address(api: Process) -> str | None:
    """The URL that a started API has announced."""
    found = re.search(r"serving on (http://\S+)", api.output())
    return found[1] if found else None


def run(command: Sequence[str], *, given: str = "", **settings: str) -> str:
    """A program that ends by itself; its stdout."""
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, timeout=60, cwd="/",
        env={**environment(), **settings},
    )  # fmt: skip
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}"
    return done.stdout
