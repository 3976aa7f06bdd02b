"""./dev check: every checker runs, whatever the one before it said."""

import subprocess
import sys

from devstack.stack import clean_environment, program
from devstack.state import ROOT

PACKAGES = ("app", "worker", "devstack", "bench", "examples")


def commands() -> dict[str, list[str]]:
    """Name -> command line."""
    return {
        "ruff": [program("ruff"), "check", "."],
        "format": [program("ruff"), "format", "--check", "."],
        "mypy": [program("mypy"), "--strict", *PACKAGES],
        "imports": [program("lint-imports")],
        "pgspot": [sys.executable, "-m", "devstack.pgspot"],
    }


def run_all(wanted: list[str]) -> int:
    """0 if all are content; a name or several as arguments run only those."""
    chosen = {name: command for name, command in commands().items() if not wanted or name in wanted}
    unhappy = [name for name, command in chosen.items() if not _run(name, command)]
    unknown = [name for name in wanted if name not in commands()]
    if unknown:
        print(f"./dev check: no check named {unknown[0]!r}: {', '.join(commands())}", file=sys.stderr)
    return 1 if unhappy or unknown else 0


def _run(name: str, command: list[str]) -> bool:
    done = subprocess.run(
        command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False
    )
    content = done.returncode == 0
    print(f" {name:<13} {'ok' if content else 'FAILED'}", flush=True)
    if not content:
        print(done.stdout + done.stderr, flush=True)
    return content
