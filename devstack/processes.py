"""Background processes with a log and a pid file each. A pid file is believed only if the process fits it."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from devstack import identity
from devstack.errors import Stop
from devstack.postgres import last_line, wait_for
from devstack.state import ROOT, State

STOP_SECONDS = 20

STEERING = ("ONEWRITER_", "PROCRASTINATE_", "PYTHONPATH")


@dataclass(frozen=True, slots=True)
class Running:
    """What a pid file says."""

    pid: int
    born: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Background:
    """One process of the stack. It is replaced when its command, its environment or the code has changed."""

    state: State
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    watches: tuple[str, ...] = ()

    @property
    def log(self) -> Path:
        return self.state.logs / f"{self.name}.log"

    def ensure(
        self, is_ready: Callable[[], bool], complaint: Callable[[], str] | None = None, seconds: float = 30
    ) -> str:
        """`running`, `started` or `restarted`, once it is ready; else what it complains of or logged last."""
        running = find(self.state, self.name)
        if running is not None and running.fingerprint == self._fingerprint() and is_ready():
            return "running"
        word = "restarted" if stop(self.state, self.name) else "started"
        pid = self._start()
        birth = identity.born(pid)
        wait_for(lambda: is_ready() or not identity.alive(pid, birth), seconds)
        if not identity.alive(pid, birth) or not is_ready():
            said = (
                complaint() if complaint is not None and identity.alive(pid, birth) else last_line(self.log)
            )
            raise Stop(f"{self.name} doesn't start ({said}): ./dev logs {self.name}")
        return word

    def _start(self) -> int:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=self.environment,
                start_new_session=True,
            )
        born = identity.born(process.pid) or ""
        content = {"pid": process.pid, "born": born, "fingerprint": self._fingerprint()}
        pid_file(self.state, self.name).write_text(json.dumps(content))
        process.returncode = 0  # it outlives us on purpose; Popen would warn about a child left running
        return process.pid

    def _fingerprint(self) -> str:
        newest = max((_newest(ROOT / folder) for folder in self.watches), default=0.0)
        # Of the shell only what steers the process: another terminal must not restart it.
        steering = [f"{n}={v}" for n, v in sorted(self.environment.items()) if n.startswith(STEERING)]
        parts = [*self.command, *steering]
        return sha256("\0".join([*parts, str(newest)]).encode()).hexdigest()


def pid_file(state: State, name: str) -> Path:
    return state.run / f"{name}.json"


def find(state: State, name: str) -> Running | None:
    """The process of that name, if it is still the one that was started."""
    try:
        running = Running(**json.loads(pid_file(state, name).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return running if identity.alive(running.pid, running.born) else None


def stop(state: State, name: str) -> bool:
    """SIGTERM, then SIGKILL to it and its children; False if it did not run."""
    running = find(state, name)
    pid_file(state, name).unlink(missing_ok=True)
    if running is None:
        return False
    _signal(running.pid, signal.SIGTERM)
    if not wait_for(lambda: not identity.alive(running.pid, running.born), STOP_SECONDS):
        _signal(-running.pid, signal.SIGKILL)
        wait_for(lambda: not identity.alive(running.pid, running.born), 5)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    """A negative pid means its whole group, which it leads since it was started in a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _newest(folder: Path) -> float:
    return max((file.stat().st_mtime for file in folder.rglob("*.py")), default=0.0)
