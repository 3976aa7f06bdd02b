"""Becomes a program that ends with its parent: `python -m app.supervisor.tether PARENT OOM PROGRAM …`."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

# <linux/prctl.h>; kept across exec.
_PR_SET_PDEATHSIG = 1


def main(parent: int, oom: str, *command: str) -> None:
    """`oom` is what the kernel adds when it looks for somebody to end, -1000 to 1000."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        sys.exit("the parent ended before its child began")
    with contextlib.suppress(OSError):  # a container may forbid it
        Path("/proc/self/oom_score_adj").write_text(oom)
    os.execv(command[0], command)  # noqa: S606 (there is no shell to want)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
