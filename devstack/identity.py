"""Is that still the process we mean? A pid alone may have been given to another one since."""

import contextlib
import subprocess
from pathlib import Path

PROC = Path("/proc")


def born(pid: int) -> str | None:
    """When a living process started, in the machine's own unit; None for a dead one or a zombie."""
    if (PROC / "self" / "stat").exists():
        return _born_by_proc(pid)
    return _born_by_ps(pid)


def alive(pid: int, birth: str | None) -> bool:
    """Whether the process that was started then still lives."""
    return birth is not None and born(pid) == birth


def folder_of(pid: int) -> Path | None:
    """The working directory of a process, where the kernel tells it."""
    try:
        return (PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None


def called(program: str) -> list[int]:
    """The living processes of that name; none where the kernel doesn't tell."""
    found = []
    for entry in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "comm").read_text().strip() == program and born(int(entry.name)):
                found.append(int(entry.name))
    return found


def _born_by_proc(pid: int) -> str | None:
    try:
        # The program's name is in parentheses and may hold anything, also parentheses.
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def _born_by_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, start = answer.stdout.strip().partition(" ")
    return None if not start or state.startswith("Z") else start.strip()
