"""The commands of ./dev, one function each; each returns an exit code."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from devstack import checks, running, server
from devstack.errors import Stop
from devstack.server import VARIABLE
from devstack.stack import Stack, clean_environment
from devstack.state import LOGINS, ROOT, State
from devstack.up import up as bring_up

LOGS = ("api", "scheduler", "worker", "postgres")


def up(state: State, _: list[str]) -> int:
    bring_up(state)
    return 0


def down(state: State, _: list[str]) -> int:
    stopped = running.stop_all(state)
    if not os.environ.get(VARIABLE) and server.cluster(state).stop():
        stopped.append("postgres")
    print(f" stopped       {' · '.join(stopped) or 'nothing was running'}")
    return 0


def reset(state: State, arguments: list[str]) -> int:
    """The environment stays: it is made from the lock alone."""
    down(state, arguments)
    if os.environ.get(VARIABLE):
        server.drop_database(server.foreign(os.environ[VARIABLE]))
        print(f" deleted       database {server.DATABASE}")
    cluster = server.cluster(state)
    cluster.remove()
    if (shelf := state.shelf()).exists():
        shutil.rmtree(shelf)
    state.forget()
    print(" deleted       data, passwords, logs; ./dev up begins afresh")
    return 0


def logs(state: State, arguments: list[str]) -> int:
    names = [name for name in arguments if name != "-f"] or list(LOGS)
    unknown = [name for name in names if name not in LOGS]
    if unknown:
        raise Stop(f"no log named {unknown[0]!r}: {', '.join(LOGS)}")
    files = [str(state.logs / f"{name}.log") for name in names if (state.logs / f"{name}.log").exists()]
    if not files:
        raise Stop("no log yet: ./dev up")
    follow = ["-f"] if "-f" in arguments else []
    return subprocess.run(["tail", "-n", "50", *follow, *files], check=False).returncode


def psql(state: State, arguments: list[str]) -> int:
    role, *rest = arguments or ["admin"]
    if role.startswith("-"):
        role, rest = "admin", arguments
    if role not in ("admin", *LOGINS):
        raise Stop(f"no login named {role!r}: admin, {', '.join(LOGINS)}")
    stack = Stack(state, server.known(state))
    program = server.psql()
    os.execve(program, [program, stack.dsn(role), *rest], server.client_environment())


def env(state: State, _: list[str]) -> int:
    stack = Stack(state, server.known(state))
    for name, value in stack.variables().items():
        print(f"export {name}={shlex.quote(value)}")
    # onewriter, procrastinate and python of this environment
    print(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
    return 0


def test(_: State, arguments: list[str]) -> int:
    """Its own cluster, its own settings: nothing of the stack or of the shell reaches it."""
    # Twice as many as there are cores: much of a test is waiting, for a lease or for a process.
    cores = len(os.sched_getaffinity(0))
    told = any(argument.startswith(("-n", "--numprocesses")) for argument in arguments)
    workers = [] if told else ["-n", str(2 * cores)]
    command = [sys.executable, "-m", "pytest", *workers, *arguments]
    return subprocess.run(command, cwd=ROOT, env=clean_environment(), check=False).returncode


def check(_: State, arguments: list[str]) -> int:
    return checks.run_all(arguments)


def example(state: State, arguments: list[str]) -> int:
    """Without a name it lists them. It takes our place, so that Ctrl-C reaches it alone."""
    names = sorted(folder.parent.name for folder in (ROOT / "examples").glob("*/__main__.py"))
    name, *rest = arguments or [""]
    if name not in names:
        raise Stop(f"./dev example NAME, one of {', '.join(names)}")
    stack = Stack(state, server.known(state))
    command = [sys.executable, "-m", f"examples.{name}", *rest]
    os.chdir(ROOT)
    os.execve(sys.executable, command, {**clean_environment(), **stack.variables()})


def bench(_: State, arguments: list[str]) -> int:
    if not Path(ROOT / "bench" / "__main__.py").exists():
        raise Stop("bench/ is not in this checkout")
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, env=clean_environment(), check=False).returncode
