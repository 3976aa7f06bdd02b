"""How late delayed jobs start: only `due` can wake a worker whose heartbeat is a minute."""

from statistics import median

import pytest

from tests.support.processes import SILENT
from tests.support.stage import Stage

LATENESS = """
select extract(epoch from started_at - run_at)::float8 * 1000 as ms from server_api.job order by 1
"""


def lateness(stage: Stage, jobs: int, seconds: float) -> list[float]:
    """Milliseconds of each, sorted; all are due within these seconds."""
    stage.asleep(stage.worker("-c", "4", **SILENT))
    delays = [0.5 + seconds * number / jobs for number in range(jobs)]
    stage.enqueue_many([{"task": "sample.add", "args": {"a": 1}, "delay": delay} for delay in delays])
    assert stage.all_ended(seconds + 30) == {"succeeded": jobs}
    return [row["ms"] for row in stage.rows(LATENESS)]


def test_a_sleeping_worker_starts_them_in_time(stage: Stage) -> None:
    late = lateness(stage, 50, 1.5)
    assert late[0] >= 0
    assert median(late) < 200


@pytest.mark.soak
def test_a_thousand_within_a_minute(stage: Stage) -> None:
    late = lateness(stage, 1000, 60)
    assert late[0] >= 0
    assert median(late) < 10


@pytest.mark.soak
def test_many_at_one_moment_find_all_workers(stage: Stage) -> None:
    """Each has one slot and takes one; who looks first asks the next one."""
    workers = [stage.worker("-c", "1", "-n", f"w{number}", **SILENT) for number in range(8)]
    for worker in workers:
        stage.asleep(worker)
    stage.enqueue_many([{"task": "sample.nap", "args": {"seconds": 6}, "delay": 1.0}] * 8)
    assert stage.all_ended(30) == {"succeeded": 8}
    assert max(row["ms"] for row in stage.rows(LATENESS)) < 1500
