"""Runs histories on a database; hypothesis prints the one that fails as a script."""

from typing import Any

import hypothesis
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import JobMachine
from tests.model.system import System
from tests.support.cluster import Database


def explore(db: Database, histories: int, steps: int, **settings: Any) -> None:
    machine = type("JobMachine", (JobMachine,), {"system": System(db)})
    run_state_machine_as_test(
        machine,
        settings=hypothesis.settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(hypothesis.HealthCheck),
            **settings,
        ),
    )
