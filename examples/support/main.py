"""How every example begins and ends: exit 0 when its story came true, 1 with one line when not."""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import psycopg

from devstack.errors import Stop
from examples.support.api import Refused
from examples.support.processes import Processes


def play(story: Callable[[Processes], None]) -> int:
    """Tells it; whatever it has started is stopped, also after Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        with Processes() as processes:
            story(processes)
        print("\nDone; nothing is left of it.", flush=True)
    except BrokenPipeError:
        # Whoever read the story has seen enough; what is left of it must not fail at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Stop, Refused, OSError, psycopg.Error) as error:
        return _complain(str(error).strip().splitlines()[0], 1)
    except KeyboardInterrupt:
        return _complain("interrupted; nothing is left of it", 130)
    return 0


def _leave(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 (signal's signature)
    sys.exit(128 + number)


def _complain(line: str, code: int) -> int:
    sys.stdout.flush()
    print(f"\n{line}", file=sys.stderr)
    return code
