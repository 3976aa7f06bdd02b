"""The only tests that import both sides: what one says, the other must understand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Database
from tests.support.processes import Processes
from tests.support.stage import Stage


@pytest.fixture
def stage(db: Database, tmp_path: Path) -> Iterator[Stage]:
    with Processes(tmp_path) as processes:
        yield Stage(db, processes)
