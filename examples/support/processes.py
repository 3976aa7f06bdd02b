"""Programs that an example starts; none of them outlives it, however it ends."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from devstack.postgres import last_line
from devstack.stack import clean_environment, program
from devstack.state import ROOT

# Ends what it becomes when its parent ends, a killed one too.
TETHER = (sys.executable, "-P", "-m", "app.supervisor.tether")
STOP_SECONDS = 15.0


class Process:
    """One started program; what it says on either stream is in its log."""

    def __init__(self, name: str, command: Sequence[str], settings: Mapping[str, str], log: Path) -> None:
        self.name, self._log = name, log
        with log.open("wb") as out:
            # In a session of its own: Ctrl-C reaches the example alone, which then ends its programs.
            self._popen = subprocess.Popen(
                [*TETHER, str(os.getpid()), "0", *command],
                env=environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=log.parent,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def running(self) -> bool:
        return self._popen.poll() is None

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def last_line(self) -> str:
        return last_line(self._log)

    def ask_to_end(self) -> None:
        """SIGTERM."""
        self._popen.terminate()

    def end(self) -> None:
        """SIGTERM, and after some seconds SIGKILL."""
        self._popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """kill -9."""
        self._popen.kill()
        self._popen.wait()


class Processes:
    """All that an example has started: `with Processes() as processes`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="onewriter-example-")
        self._started: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end_all()
        self._folder.cleanup()

    def end_all(self) -> None:
        """All at once, then waits for each."""
        for process in self._started:
            process.ask_to_end()
        for process in self._started:
            process.end()

    def named(self, name: str) -> Process:
        """The last that was started as this one."""
        return next(process for process in reversed(self._started) if process.name == name)

    def said(self) -> str:
        """All that any of them has said."""
        return "".join(process.output() for process in self._started)

    def start(self, name: str, command: Sequence[str], settings: Mapping[str, str]) -> Process:
        """`command` begins with a console script of this environment; `settings` is all of ONEWRITER_*."""
        log = Path(self._folder.name) / f"{len(self._started)}-{name}.log"
        process = Process(name, [program(command[0]), *command[1:]], settings, log)
        self._started.append(process)
        return process


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The shell's without what steers onewriter, Procrastinate or libpq; packages come from this checkout."""
    return {**clean_environment(), "PYTHONPATH": str(ROOT), **settings}
