"""One program under a name: started, its lines passed on, ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import IO

# Bytes of a line that are passed on as one.
LONGEST_LINE = 65_536
# Of the names, so that what the children say stands in one column.
WIDTH = 9
# Seconds for its last lines after its end. A program that it left behind may hold its pipe open for ever.
LAST_LINES = 1.0


@dataclass(frozen=True, slots=True)
class Program:
    """`module` is one that this interpreter runs, and its arguments. `oom`: see the tether."""

    name: str
    module: Sequence[str]
    environment: Mapping[str, str]
    oom: int = 0


class Child:
    """A running program in a session of its own: a terminal's Ctrl-C reaches the parent alone."""

    def __init__(self, program: Program) -> None:
        self.name = program.name
        self._popen = subprocess.Popen(
            _tethered(program),
            env=program.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._popen.stdout is not None
        relay = partial(pass_on, self._popen.stdout, f"{self.name:<{WIDTH}} | ".encode(), sys.stderr.buffer)
        self._relay = threading.Thread(target=relay, name=f"lines of {self.name}", daemon=True)
        self._relay.start()
        self._ended = asyncio.create_task(self._wait())

    @property
    def pid(self) -> int:
        return self._popen.pid

    async def ended(self) -> int:
        """Its exit code; of a signal, negative."""
        return await asyncio.shield(self._ended)

    async def end(self, until: float) -> int:
        """SIGTERM, and SIGKILL at that moment of the monotonic clock."""
        self._popen.terminate()
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self.ended(), until - monotonic())
        self._popen.kill()
        return await self.ended()

    async def _wait(self) -> int:
        code = await asyncio.to_thread(self._popen.wait)
        await asyncio.to_thread(self._relay.join, LAST_LINES)
        return code


def pass_on(source: IO[bytes], prefix: bytes, sink: IO[bytes]) -> None:
    """Line by line until it is closed; goes on reading where nobody takes them, or the child would wait."""
    for line in iter(partial(source.readline, LONGEST_LINE), b""):
        with contextlib.suppress(OSError):
            sink.write(prefix + line.removesuffix(b"\n") + b"\n")
            sink.flush()
    source.close()


def _tethered(program: Program) -> list[str]:
    # -P: as installed commands do; a package in the working directory may be called app or worker.
    python = [sys.executable, "-P", "-m"]
    return [*python, "app.supervisor.tether", str(os.getpid()), str(program.oom), *python, *program.module]
