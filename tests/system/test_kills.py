"""Workers that are killed, frozen or end themselves: every job once, by somebody, and only once."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.processes import Process
from tests.support.stage import Stage, settled_once


def succeeded(stage: Stage) -> int:
    return stage.statuses().get("succeeded", 0)


@pytest.mark.pg15(soak=True)
def test_three_kills_under_load(stage: Stage) -> None:
    """kill -9 with jobs in hand, three times, each worker replaced; what was lost runs again elsewhere."""
    stage.scheduler()
    workers = [stage.worker("-c", "5") for _ in range(2)]
    stage.enqueue_many([{"task": "sample.nap", "args": {"seconds": 0.05}}] * 300)
    for share in (40, 100, 160):
        stage.until(lambda share=share: succeeded(stage) >= share)  # type: ignore[misc]
        victim = workers.pop(0)
        victim.kill()
        workers.append(stage.processes.worker(stage.db.dsn("worker"), "-c", "5"))
    assert stage.all_ended(40) == {"succeeded": 300}
    settled_once(stage)
    lost = stage.rows("select job_id, attempt from server_api.attempt where status = 'lost'")
    assert lost, "nobody held a job when it was killed"
    crashes = stage.rows("select sum(crashes)::int as n from server_api.job")[0]["n"]
    assert crashes == len(lost)
    assert stage.late_results() == []
    assert [worker.stop() for worker in workers] == [0, 0]


def test_a_killed_workers_job_runs_again_elsewhere(stage: Stage, tmp_path: Path) -> None:
    """The lease ends by itself; attempts and crashes say what happened."""
    flag = tmp_path / "now"
    stage.scheduler()
    first = stage.worker()
    job = stage.enqueue("sample.waits_for", {"file": str(flag)})
    stage.is_running(job)
    stage.worker()
    first.kill()
    stage.until(lambda: stage.attempts(job))
    flag.touch()
    after = stage.ended(job)
    # What was lost didn't finish: it counts as a crash, and the attempt is made again under its number.
    assert (after["status"], after["attempts"], after["crashes"]) == ("succeeded", 1, 1)
    lost, ran = stage.attempts(job)
    assert (lost["status"], lost["reason"], lost["attempt"]) == ("lost", "lost", 1)
    assert (ran["status"], ran["attempt"], ran["result"]) == ("succeeded", 1, "seen")
    assert ran["claim_no"] > lost["claim_no"]
    assert stage.sessions(first)[0]["state"] == "lost"


def test_a_frozen_workers_late_result_is_refused(stage: Stage) -> None:
    """SIGSTOP past the lease, rescue, SIGCONT: its session is gone, and it goes on with a new one."""
    stage.scheduler()
    frozen = stage.worker("-c", "2")
    job = stage.enqueue("sample.nap", {"seconds": 0.2})
    stage.is_running(job)
    frozen.freeze()
    other = stage.worker("-c", "2")
    assert stage.ended(job)["status"] == "succeeded"
    assert other.stop() == 0
    frozen.thaw()
    stage.until(lambda: len(stage.sessions(frozen)) == 2, say=lambda: "no new session")
    again = stage.enqueue("sample.add", {"a": 1})
    assert stage.ended(again)["status"] == "succeeded"
    assert [attempt["status"] for attempt in stage.attempts(job)] == ["lost", "succeeded"]
    assert "The session is gone" in frozen.output()
    assert [session["state"] for session in stage.sessions(frozen)] == ["lost", "live"]
    settled_once(stage)
    assert frozen.stop() == 0


def test_a_poisonous_job_fails_alone(stage: Stage, tmp_path: Path) -> None:
    """It takes its process along three times and fails; the nineteen that run beside it all succeed."""
    flag = tmp_path / "now"
    stage.scheduler()
    poison = stage.enqueue("sample.dies_after", {"file": str(flag)})
    bystanders = stage.enqueue_many([{"task": "sample.nap", "args": {"seconds": 0.5}}] * 19)
    worker = stage.worker("-c", "20")
    stage.is_running(poison, *bystanders)
    flag.touch()
    assert fails_alone(stage, worker, poison, bystanders) == 3


def test_a_poisonous_job_among_four_hundred_prefetched(stage: Stage, tmp_path: Path) -> None:
    """Short tasks are taken ahead: what was waiting in the worker that died is none the worse for it."""
    flag = tmp_path / "now"
    flag.touch()
    stage.scheduler()
    short = {"task": "sample.add", "args": {"a": 1}}
    poison = {"task": "sample.dies_after", "args": {"file": str(flag)}}
    ids = stage.enqueue_many([*[short] * 300, poison, *[short] * 100])
    # One more where it had been taken ahead and died before anybody could know that it had begun.
    assert fails_alone(stage, stage.worker("-c", "20"), ids[300], ids[:300] + ids[301:]) in (3, 4)
    waited = stage.rows("select id from server_api.job where crashes = 0")
    assert waited, "nothing was prefetched when the worker died"


def fails_alone(stage: Stage, worker: Process, poison: int, bystanders: list[int]) -> int:
    """Restarts the worker until the culprit has failed; how often it died."""
    deaths = restart_until_failed(stage, worker, poison)
    after = stage.job(poison)
    assert (after["status"], after["reason"]) == ("failed", "lost")
    assert [attempt["status"] for attempt in stage.attempts(poison)] == ["lost", "lost", "failed"]
    stage.worker("-c", "20")
    assert stage.all_ended() == {"succeeded": len(bystanders), "failed": 1}
    rows = stage.rows(
        "select job_id, status from server_api.attempt where job_id = any (%s) order by claim_no", bystanders
    )
    # At most one run of each was lost: the one beside the culprit's first.
    assert Counter(row["job_id"] for row in rows).most_common(1)[0][1] <= 2
    assert {row["status"] for row in rows} <= {"lost", "succeeded"}
    return deaths


def restart_until_failed(stage: Stage, worker: Process, poison: int) -> int:
    """What a service manager does; how often the process died."""
    deaths = 0
    while True:
        assert worker.wait() == 17, worker.output()
        deaths += 1
        stage.end_lease(worker)
        dead = worker
        stage.until(lambda dead=dead: stage.sessions(dead)[0]["state"] == "lost")  # type: ignore[misc]
        if stage.job(poison)["status"] == "failed":
            return deaths
        worker = stage.worker("-c", "20")
