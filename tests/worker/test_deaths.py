"""Deaths: the poison guard, lost workers, blocked loops, sessions that are gone."""

import signal
from pathlib import Path

from tests.worker.conftest import Bench


def test_nineteen_bystanders_succeed(bench: Bench, tmp_path: Path) -> None:
    """A job that kills its worker takes nobody along: the next times it runs alone."""
    flag = tmp_path / "now"
    poison = bench.enqueue("sample.crash_when", {"file": str(flag)})
    after = tmp_path / "after"
    others = [bench.enqueue("sample.wait_for", {"file": str(after)}) for _ in range(19)]
    worker = bench.start("-c", "20")
    bench.running(20)
    flag.touch()
    assert worker.wait() == 17
    after.touch()
    while bench.job(poison)["status"] != "failed":
        assert worker.wait() == 17, worker.output()
        bench.rescue()
        if bench.job(poison)["status"] != "failed":
            worker = bench.start("-c", "20")
    assert bench.outcome(poison) == ("failed", "lost")
    bench.drain("-c", "20")
    assert {bench.outcome(job) for job in others} == {("succeeded", "rested")}
    assert len(bench.attempts(poison)) == 3


def test_a_suspect_waits_for_running_jobs_and_runs_alone(bench: Bench) -> None:
    suspect = bench.enqueue("sample.nap", {"seconds": 0.2})
    bench.sql("update procrastinate.procrastinate_jobs set crashes = 1 where id = %s", suspect)
    others = [bench.enqueue("sample.nap", {"seconds": 0.2}) for _ in range(6)]
    bench.drain("-c", "3")
    assert {bench.outcome(job) for job in [suspect, *others]} == {("succeeded", "rested")}
    overlaps = bench.sql(
        """select count(*) as n from jobs.run s join jobs.run o on o.job_id <> s.job_id
            and o.started_at < s.finished_at and s.started_at < o.finished_at where s.job_id = %s""",
        suspect,
    )
    assert overlaps[0]["n"] == 0


def test_a_killed_worker_loses_nothing(bench: Bench) -> None:
    job = bench.enqueue("sample.nap", {"seconds": 0.5})
    worker = bench.start()
    bench.running(1)
    worker.kill()
    bench.rescue()
    bench.drain()
    assert bench.outcome(job) == ("succeeded", "rested")
    assert [attempt["status"] for attempt in bench.attempts(job)] == ["lost", "succeeded"]


def test_a_blocked_loop_keeps_its_session_and_is_named(bench: Bench) -> None:
    """Twice the lease: without a heartbeat of its own the session would be dead long before."""
    worker = bench.start("-c", "2", ONEWRITER_BLOCKED_AFTER="1")
    bench.session()
    blocking = bench.enqueue("sample.block", {"seconds": 8})
    bench.running(1)
    bench.until(lambda: "blocked" in worker.output())
    other = bench.enqueue("sample.nap")
    assert f"job sample.block[{blocking}]" in worker.output()
    assert "time.sleep(seconds)" in worker.output()
    second = bench.start("-c", "1")
    assert bench.outcome(other) == ("succeeded", "rested")
    assert bench.job(blocking)["status"] == "running"
    assert bench.outcome(blocking) == ("succeeded", "blocked")
    assert len(bench.attempts(blocking)) == 1
    assert second.stop() == worker.stop() == 0


def test_gone_means_cancel_and_a_new_session(bench: Bench) -> None:
    worker = bench.start("-c", "2")
    job = bench.enqueue("sample.nap", {"seconds": 1})
    bench.running(1)
    first = bench.session()["id"]
    bench.rescue()
    assert bench.outcome(job) == ("succeeded", "rested")
    assert bench.session(2)["id"] != first
    assert "The session is gone" in worker.output()
    assert worker.stop() == 0


def test_a_cut_connection_is_resumed(bench: Bench) -> None:
    worker = bench.start("-c", "3")
    jobs = [bench.enqueue("sample.nap", {"seconds": 0.5}) for _ in range(3)]
    bench.running(3)
    for _ in range(3):
        bench.sql(
            """select pg_terminate_backend(pid) from pg_stat_activity
                where usename = 'onewriter_test_worker' and datname = current_database()"""
        )
    assert {bench.outcome(job) for job in jobs} == {("succeeded", "rested")}
    assert [len(bench.attempts(job)) for job in jobs] == [1, 1, 1]
    assert len(bench.sql("select * from jobs.session")) == 1
    assert worker.stop() == 0


def test_a_frozen_worker_is_rescued_and_its_late_result_refused(bench: Bench) -> None:
    job = bench.enqueue("sample.nap", {"seconds": 0.3})
    frozen = bench.start()
    bench.running(1)
    frozen.process.send_signal(signal.SIGSTOP)
    bench.rescue()
    bench.drain()
    assert bench.outcome(job) == ("succeeded", "rested")
    frozen.process.send_signal(signal.SIGCONT)
    bench.until(lambda: "The session is gone" in frozen.output())
    assert frozen.stop() == 0
    assert [attempt["status"] for attempt in bench.attempts(job)] == ["lost", "succeeded"]


def test_an_abort_reaches_async_and_sync_tasks_by_signal(bench: Bench) -> None:
    bench.start("-c", "2", ONEWRITER_LEASE="300", ONEWRITER_HEARTBEAT="60")
    jobs = [bench.enqueue("sample.nap", {"seconds": 60}), bench.enqueue("sample.patient")]
    bench.running(2)
    for job in jobs:
        answer = bench.sql("select server_api.cancel(%s, 'test', null) as a", job)[0]["a"]
        for channel in answer["wake"]:
            bench.sql(f'notify "{channel}"')
    assert [bench.ended(job)["status"] for job in jobs] == ["aborted", "aborted"]


def test_prefetched_jobs_are_not_held_back_by_a_long_one(bench: Bench) -> None:
    """Short tasks are prefetched; where a long one comes between, what waits behind it goes elsewhere."""
    short = {"task": "sample.add", "args": {"a": 1}}
    ids = bench.enqueue_many([*[short] * 900, {"task": "sample.nap", "args": {"seconds": 60}}, *[short] * 50])
    long = ids[900]
    first = bench.start("-c", "1")
    bench.until(lambda: bench.job(long)["status"] == "running" and _begun(bench, long))
    assert _waiting(bench, ids[901:])
    second = bench.start("-c", "1")
    bench.until(lambda: {bench.job(job)["status"] for job in ids[901:]} == {"succeeded"})
    assert bench.job(long)["status"] == "running"
    for channel in bench.sql("select server_api.cancel(%s, 'test', null) as a", long)[0]["a"]["wake"]:
        bench.sql(f'notify "{channel}"')
    assert bench.ended(long)["status"] == "aborted"
    assert first.stop() == second.stop() == 0
    assert bench.sql("select count(*) as n, count(distinct job_id) as d from jobs.run") == [
        {"n": 951, "d": 951}
    ]


def _begun(bench: Bench, job: int) -> bool:
    query = "select 1 from procrastinate.procrastinate_jobs where id = %s and started_at is not null"
    return bool(bench.sql(query, job))


def _waiting(bench: Bench, jobs: list[int]) -> bool:
    return any(bench.job(job)["status"] != "succeeded" for job in jobs)
