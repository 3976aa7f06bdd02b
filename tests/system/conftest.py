"""Real worker, API and scheduler processes on a database of the test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli.main import run
from tests.support.cluster import Database
from tests.support.processes import Processes
from tests.support.stage import Stage

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with Processes(tmp_path) as processes:
        yield processes


@pytest.fixture
def stage(db: Database, processes: Processes) -> Stage:
    return Stage(db, processes)


@pytest.fixture
def cli(stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command line: (exit code, stdout, stderr)."""
    monkeypatch.setenv("ONEWRITER_DATABASE_URL", stage.db.dsn("server"))
    monkeypatch.setenv("ONEWRITER_ADMIN_DATABASE_URL", stage.db.dsn("admin"))

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
