"""What the figures were taken on: versions, cores, load, revision. No host name, no path."""

import os
import platform
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from bench.peer import Peer
from bench.server import SETTINGS, Server
from devstack.state import ROOT

_SHOWN = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size")


def facts(server: Server, peers: Iterable[Peer]) -> dict[str, Any]:
    """`load` is the one of the last minute before the first measurement: above 1 means a busy machine."""
    versions = {name: text for peer in peers for name, text in peer.versions.items()}
    return {
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "fdatasync_ms": round(fdatasync_ms(server.log.with_name("bench-sync")), 2),
        "python": platform.python_version(),
        "postgresql": str(server.one("show server_version")).split()[0],
        **versions,
        "revision": _revision(),
        "settings": {name: SETTINGS[name] for name in _SHOWN},
    }


def fdatasync_ms(path: Path, count: int = 50) -> float:
    """What a commit waits for at least: the median of writing 8 KB and syncing it."""
    taken = []
    with path.open("wb") as file:
        for _ in range(count):
            begin = time.monotonic()
            file.write(bytes(8192))
            file.flush()
            os.fdatasync(file.fileno())
            taken.append(time.monotonic() - begin)
    path.unlink()
    return median(taken) * 1000


def sentence(machine: dict[str, Any]) -> str:
    """The same in one line."""
    left_out = ("settings", "cores", "load", "revision", "fdatasync_ms")
    versions = ", ".join(f"{name} {text}" for name, text in machine.items() if name not in left_out)
    busy = "" if machine["load"] < 1 else ", so the machine was busy with other work"
    return (
        f"{machine['cores']} cores, {versions}, revision {machine['revision']}; "
        f"fsync and synchronous_commit on, fdatasync {machine['fdatasync_ms']} ms; "
        f"load {machine['load']} before the first run{busy}"
    )


def _revision() -> str:
    """With a + where files differ from it; "unknown" outside a git checkout."""
    head = _git("rev-parse", "--short=10", "HEAD")
    return f"{head}{'+' if _git('status', '--porcelain') else ''}" if head else "unknown"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
