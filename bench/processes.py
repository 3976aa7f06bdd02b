"""Processes of a measurement: started, watched, ended; nothing of the shell's settings reaches them."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import Broken
from devstack.postgres import last_line
from devstack.stack import clean_environment
from devstack.state import ROOT

STOP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Command:
    """What to start; `environment` is added to a clean one."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def full_environment(self) -> dict[str, str]:
        return {**clean_environment(), "PYTHONPATH": str(ROOT), **self.environment}


@dataclass(frozen=True, slots=True)
class Running:
    """A process in the background."""

    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def require_alive(self) -> None:
        if self.popen.poll() is not None:
            raise Broken(f"{self.log.stem} ended by itself ({last_line(self.log)})")


@contextlib.contextmanager
def background(command: Command, log: Path) -> Iterator[Running]:
    """Runs while the block does; SIGTERM ends it, SIGKILL if that doesn't."""
    with log.open("wb") as file:
        popen = subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=ROOT,
            env=command.full_environment(),
            start_new_session=True,
        )
    try:
        yield Running(popen, log)
    finally:
        _end(popen)


def answer_of(command: Command, stdin: bytes = b"", patience: float = 120.0) -> dict[str, Any]:
    """Runs a client to its end; what it printed, as JSON."""
    answer: dict[str, Any] = json.loads(output_of(command, "the client", stdin, patience))
    return answer


def output_of(command: Command, what: str, stdin: bytes = b"", patience: float = 120.0) -> bytes:
    """Runs it to its end; raises Broken with its last word if it fails."""
    try:
        done = subprocess.run(
            command.argv,
            input=stdin,
            capture_output=True,
            cwd=ROOT,
            env=command.full_environment(),
            timeout=patience,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Broken(f"{what} failed: {error}") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or b"no word why").decode(errors="replace")
        raise Broken(f"{what} failed: {said.splitlines()[-1][:200]}")
    return done.stdout


def wait_until(condition: Callable[[], bool], seconds: float, what: str, *watched: Running) -> None:
    """Raises Broken when it takes too long or a watched process has ended."""
    end = time.monotonic() + seconds
    while not condition():
        for process in watched:
            process.require_alive()
        if time.monotonic() > end:
            raise Broken(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.002)


def _end(popen: subprocess.Popen[bytes]) -> None:
    if popen.poll() is None:
        popen.send_signal(signal.SIGTERM)
    try:
        popen.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
