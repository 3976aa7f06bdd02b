"""Real worker, API and scheduler processes on a database of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Database
from tests.support.processes import Processes
from tests.support.stage import Stage


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with Processes(tmp_path) as processes:
        yield processes


@pytest.fixture
def stage(db: Database, processes: Processes) -> Stage:
    return Stage(db, processes)
