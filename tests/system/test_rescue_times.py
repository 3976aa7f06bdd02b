"""How soon what a killed worker ran is running again: when its lease has ended, and a moment later."""

import math
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import SHORT, Process
from tests.support.stage import Stage

LEASE = float(SHORT["ONEWRITER_LEASE"])
HEARTBEAT = float(SHORT["ONEWRITER_HEARTBEAT"])
# Seconds after the lease within which 99 of 100 run again.
SLACK = 2.0


class Fleet:
    """Workers of one slot each, half of them idle; `refill` replaces those that `kill` took."""

    def __init__(self, stage: Stage, busy: int) -> None:
        self.stage = stage
        self.busy = busy
        self.members: dict[int, Process] = {}
        self.refill()

    def refill(self) -> None:
        while len(self.members) < 2 * self.busy:
            process = self.stage.processes.worker(self.stage.db.dsn("worker"), "-c", "1")
            self.members[process.pid] = process
        self.stage.until(lambda: self.live() == set(self.members), 60)

    def live(self) -> set[int]:
        return {row["info"]["pid"] for row in self.stage.sessions() if row["state"] == "live"}

    def holders(self) -> set[int]:
        """Process ids of those that run a job."""
        rows = self.stage.sessions()
        return {row["info"]["pid"] for row in rows if row["state"] == "live" and row["running"]}

    def kill(self) -> float:
        """kill -9 of all that run a job, at any moment between two heartbeats; the time of it."""
        time.sleep(random.uniform(0, HEARTBEAT))
        victims = self.holders()
        assert len(victims) == self.busy
        killed = time.time()
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        for pid in victims:
            self.members.pop(pid).wait()
        return killed


def one_round(stage: Stage, fleet: Fleet, flag: Path) -> list[float]:
    """Seconds from the kill until each job runs again, elsewhere."""
    jobs = stage.enqueue_many([{"task": "sample.waits_for", "args": {"file": str(flag)}}] * fleet.busy)
    stage.is_running(*jobs)
    killed = fleet.kill()
    stage.until(lambda: all(_lost(stage, jobs)), LEASE + 30)
    stage.is_running(*jobs)
    again = [stage.job(job)["started_at"].timestamp() - killed for job in jobs]
    flag.touch()
    for job in jobs:
        assert stage.ended(job)["status"] == "succeeded"
    return again


def _lost(stage: Stage, jobs: list[int]) -> list[Any]:
    rows = stage.rows(
        "select job_id from server_api.attempt where status = 'lost' and job_id = any (%s)", jobs
    )
    return [job in {row["job_id"] for row in rows} for job in jobs]


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[math.ceil(share * len(values)) - 1]


def rescue_times(stage: Stage, folder: Path, kills: int, busy: int) -> None:
    stage.scheduler()
    fleet = Fleet(stage, busy)
    times: list[float] = []
    while len(times) < kills:
        fleet.refill()
        times += one_round(stage, fleet, folder / f"now-{len(times)}")
    p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
    print(f"{len(times)} kills, lease {LEASE:.0f} s: running again after p50 {p50:.2f} s, p99 {p99:.2f} s")
    # Before its lease ends nobody is dead; it is written once a second, so every second heartbeat may do it.
    assert min(times) > LEASE - 2 * HEARTBEAT - 0.5
    assert p99 <= LEASE + SLACK, sorted(times)[-10:]
    assert stage.late_results() == []
    assert {row["crashes"] for row in stage.rows("select crashes from server_api.job")} == {1}


def test_killed_workers_jobs_run_again_within_two_seconds_of_the_lease(stage: Stage, tmp_path: Path) -> None:
    rescue_times(stage, tmp_path, kills=4, busy=4)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_two_hundred_kills(stage: Stage, tmp_path: Path) -> None:
    rescue_times(stage, tmp_path, kills=200, busy=10)
