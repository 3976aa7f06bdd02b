"""`python -m devstack COMMAND`, as ./dev calls it: every failure is one line that says what to do."""

import fcntl
import os
import sys
from contextlib import ExitStack

import psycopg

from devstack import commands
from devstack.errors import Stop
from devstack.state import ROOT, State

COMMANDS = {
    name: getattr(commands, name)
    for name in ("up", "down", "reset", "logs", "psql", "env", "test", "check", "bench", "example")
}
# Two of these at once would tear down what the other one builds.
ALONE = ("up", "down", "reset")


def main(arguments: list[str]) -> int:
    name, *rest = arguments or ["up"]
    if name not in COMMANDS:
        return complain(f"no command {name!r}; ./dev --help lists them", 2)
    try:
        return run(name, rest)
    except BrokenPipeError:
        # Whoever read our output has seen enough; what is left of it must not fail at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Stop, OSError, psycopg.Error) as error:
        return complain(explain(error))
    except KeyboardInterrupt:
        return complain("interrupted; run it again to go on", 130)


def run(name: str, arguments: list[str]) -> int:
    state = State(ROOT / ".dev")
    with ExitStack() as held:
        if name in ALONE:
            state.make()
            fcntl.flock(held.enter_context((state.folder / "stack.lock").open("w")), fcntl.LOCK_EX)
        return int(COMMANDS[name](state, arguments))


def explain(error: Exception) -> str:
    """One line that says what to do."""
    if isinstance(error, Stop):
        return str(error)
    if isinstance(error, PermissionError):
        return f"{error.filename} is not yours: run as its owner, or ./dev reset as its owner"
    return f"{str(error).strip().splitlines()[0]}: ./dev logs tells more, ./dev reset begins afresh"


def complain(line: str, code: int = 1) -> int:
    sys.stdout.flush()
    print(f"./dev: {line}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
