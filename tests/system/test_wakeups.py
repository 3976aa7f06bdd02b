"""With a heartbeat of a minute only NOTIFY and `due` can be in time. Times are the database's own."""

from datetime import datetime

import pytest

from tests.support.processes import SILENT, Process
from tests.support.stage import Stage

IN_TIME = 1.0


@pytest.fixture
def worker(stage: Stage) -> Process:
    """Of all queues, asleep."""
    worker = stage.worker("-c", "5", **SILENT)
    stage.asleep(worker)
    return worker


def seconds(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds()


def pickup(stage: Stage, job: int) -> float:
    """From the planned start (or the insert) to the start."""
    ended = stage.ended(job)
    assert ended["status"] == "succeeded"
    return seconds(ended["run_at"] or ended["created_at"], ended["started_at"])


@pytest.mark.pg15
def test_a_new_job_is_picked_up_at_once(stage: Stage, worker: Process) -> None:
    for number in range(5):
        stage.asleep(worker)
        assert pickup(stage, stage.enqueue("sample.add", {"a": number})) < IN_TIME


@pytest.mark.pg15
def test_a_delayed_job_starts_when_it_is_due(stage: Stage, worker: Process) -> None:
    job = stage.enqueue("sample.add", {"a": 1}, delay=1.0)
    assert stage.job(job)["status"] == "scheduled"
    assert 0 <= pickup(stage, job) < 0.5
    created, started = stage.job(job)["created_at"], stage.job(job)["started_at"]
    assert 1.0 <= seconds(created, started) < 1.5


def test_an_earlier_delay_overtakes_the_one_slept_for(stage: Stage, worker: Process) -> None:
    stage.enqueue("sample.add", {"a": 1}, delay=100.0)
    stage.asleep(worker)
    assert 0 <= pickup(stage, stage.enqueue("sample.add", {"a": 2}, delay=0.5)) < IN_TIME


def test_a_cancel_reaches_a_running_job(stage: Stage, worker: Process) -> None:
    job = stage.enqueue("sample.nap", {"seconds": 60})
    stage.is_running(job)
    stage.asleep(worker)
    stage.cancel(job)
    aborted = stage.ended(job)
    assert aborted["status"] == "aborted"
    asked = stage.rows(
        "select at from server_api.history where job_id = %s and type = 'abort_requested'", job
    )
    assert seconds(asked[0]["at"], aborted["finished_at"]) < IN_TIME


def test_a_dbas_cancel_reaches_a_running_job(stage: Stage, worker: Process) -> None:
    """From psql: the function itself signals, with its commit."""
    job = stage.enqueue("sample.nap", {"seconds": 60})
    stage.is_running(job)
    stage.db.connect("dba").execute("select operator_api.cancel(%s, 'enough')", [job])
    assert stage.ended(job, 2 * IN_TIME)["status"] == "aborted"


def test_a_queue_that_appears_later(stage: Stage, worker: Process) -> None:
    """A worker without -q has it at once; its name may be anything."""
    for queue in ("brand new", "größe ✓", "x" * 128):
        assert pickup(stage, stage.enqueue("sample.add", {"a": 1}, queue=queue)) < IN_TIME


def test_named_queues_wake_only_their_worker(stage: Stage) -> None:
    """Queue names of any kind pass through -q, the hash of the channel and the claim."""
    named = stage.worker("-q", "größe ✓,b", **SILENT)
    stage.asleep(named)
    other = stage.enqueue("sample.add", {"a": 1}, queue="other")
    assert pickup(stage, stage.enqueue("sample.add", {"a": 1}, queue="größe ✓")) < IN_TIME
    assert pickup(stage, stage.enqueue("sample.add", {"a": 1}, queue="b")) < IN_TIME
    assert stage.job(other)["status"] == "ready"


def test_the_next_of_a_lock_is_signalled_to_another_worker(stage: Stage) -> None:
    """A lock's second job is parked; the end of the first wakes whoever serves the second's queue."""
    first = stage.worker("-q", "one", **SILENT)
    second = stage.worker("-q", "two", role="worker2", **SILENT)
    holder = stage.enqueue("sample.nap", {"seconds": 0.5}, queue="one", lock="same")
    stage.is_running(holder)
    follower = stage.enqueue("sample.add", {"a": 1}, queue="two", lock="same")
    stage.until(lambda: stage.job(follower)["status"] == "waiting")
    stage.asleep(second)
    ended, followed = stage.ended(holder), stage.ended(follower)
    assert 0 <= seconds(ended["finished_at"], followed["started_at"]) < IN_TIME
    assert first.running()


def test_what_a_stopping_worker_gives_back_is_taken_at_once(stage: Stage) -> None:
    """Also where its heartbeat is far away, the one that stays is told."""
    leaving = stage.worker("-c", "1", "--shutdown-graceful-timeout", "0.1", **SILENT)
    job = stage.enqueue("sample.nap", {"seconds": 2})
    stage.is_running(job)
    staying = stage.worker(role="worker2", **SILENT)
    stage.asleep(staying)
    assert leaving.stop() == 0
    assert stage.ended(job, 6)["status"] == "succeeded"
    assert [attempt["status"] for attempt in stage.attempts(job)] == ["succeeded"]
