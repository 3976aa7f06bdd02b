"""Races: a signal against falling asleep, and two workers at one lock."""

import random
from collections import defaultdict
from itertools import pairwise
from time import monotonic, perf_counter

import pytest

from tests.support.processes import SILENT
from tests.support.stage import Stage, settled_once

# With a heartbeat of a minute, a lost signal would cost thirty times as much.
IN_TIME = 2.0
# Longer than a worker takes from its last settle to its sleep.
SPREAD = 0.003


def pause(seconds: float) -> None:
    """Microseconds exactly, which no timer of the system gives."""
    until = perf_counter() + seconds
    while perf_counter() < until:
        pass


def slowest_pickup(stage: Stage, races: int) -> float:
    """Enqueues the next job just when the worker, having settled the last, goes to sleep."""
    slowest = 0.0
    for number in range(races):
        began = monotonic()
        job = stage.enqueue("sample.add", {"a": number})
        stage.ended(job, IN_TIME)
        slowest = max(slowest, monotonic() - began)
        pause(random.uniform(0, SPREAD))
    return slowest


def test_no_signal_is_lost_by_falling_asleep(stage: Stage) -> None:
    stage.worker(**SILENT)
    assert slowest_pickup(stage, 300) < IN_TIME


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_no_signal_is_lost_in_two_thousand_races(stage: Stage) -> None:
    stage.worker(**SILENT)
    assert slowest_pickup(stage, 2000) < IN_TIME


def test_no_due_moment_is_lost_by_falling_asleep(stage: Stage) -> None:
    """Jobs that become due while the worker is about to sleep for the one after."""
    stage.worker(**SILENT)
    slice_of = [{"task": "sample.add", "args": {"a": n}, "delay": 0.2 + n * 0.007} for n in range(200)]
    stage.enqueue_many(slice_of)
    stage.all_ended(0.2 + 200 * 0.007 + IN_TIME)
    late = stage.rows(
        """select max(extract(epoch from a.started_at - j.run_at))::float as seconds
             from server_api.job as j join server_api.attempt as a on a.job_id = j.id"""
    )
    assert late[0]["seconds"] < IN_TIME


@pytest.mark.pg15(soak=True)
def test_a_lock_is_held_by_one_of_two_workers(stage: Stage) -> None:
    """200 jobs behind 5 locks: never two at once of a lock, whatever process they run in."""
    locks = [f"lock {number % 5}" for number in range(200)]
    ids = stage.enqueue_many(
        {"task": random.choice(["sample.nap", "sample.nap_sync"]), "args": {"seconds": 0.005}, "lock": lock}
        for lock in locks
    )
    workers = [stage.worker("-c", "10", **SILENT), stage.worker("-c", "10", role="worker2", **SILENT)]
    assert stage.all_ended(30) == {"succeeded": 200}
    settled_once(stage)
    spans = defaultdict(list)
    for lock, job in zip(locks, ids, strict=True):
        (attempt,) = stage.attempts(job)
        spans[lock].append((attempt["result"], job))
    for ran in spans.values():
        in_time = sorted(ran)
        assert [job for _, job in in_time] == sorted(job for _, job in ran), "not in the order of the lock"
        for (earlier, _), (later, _) in pairwise(in_time):
            assert earlier[1] <= later[0]
    assert [worker.stop() for worker in workers] == [0, 0]
