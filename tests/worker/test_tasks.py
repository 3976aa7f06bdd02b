"""Stock semantics: sync, async, contexts, middlewares, aliases, retry strategies."""

import pytest

from tests.worker.conftest import Bench


def test_every_kind_of_task_gives_its_result(bench: Bench) -> None:
    wanted = {
        bench.enqueue("sample.add", {"a": 1, "b": 2}): 3,
        bench.enqueue("sample.add_sync", {"a": 2}): 3,
        bench.enqueue("sample.plus", {"a": 3}): 4,
        bench.enqueue("sample.thread_of_sync"): True,
        bench.enqueue("sample.late_coroutine"): "awaited",
        bench.enqueue("sample.doubled", {"a": 5}): 10,
        bench.enqueue("sample.trebled", {"a": 5}): 15,
        bench.enqueue("echo", {"hello": "wörld", "n": 12345678901234567890123}): {
            "hello": "wörld",
            "n": 12345678901234567890123,
        },
        bench.enqueue("sleep", {"seconds": 0.01}): {"slept": 0.01},
    }
    bench.drain("-c", "3")
    assert {job: bench.outcome(job) for job in wanted} == {
        job: ("succeeded", it) for job, it in wanted.items()
    }


def test_the_context_is_the_stock_one(bench: Bench) -> None:
    job = bench.enqueue("sample.context", {"x": [1]}, queue="letters")
    bench.drain("-q", "letters,other", "-n", "ann")
    assert bench.outcome(job) == (
        "succeeded",
        {
            "id": job,
            "queue": "letters",
            "task": "sample.context",
            "args": {"x": [1]},
            "attempts": 0,
            "worker": "ann",
            "same_task": True,
            "evolved": "other",
            "abort": False,
        },
    )
    assert bench.sql("select name, queues from jobs.session")[0]["queues"] == ["letters", "other"]


def test_context_variables_do_not_leak_from_job_to_job(bench: Bench) -> None:
    jobs = [bench.enqueue("sample.leak", {"value": colour}) for colour in ("red", "green", "blue")]
    bench.drain("-c", "1")
    assert [bench.outcome(job) for job in jobs] == [("succeeded", "none")] * 3


def test_retries_follow_the_strategy(bench: Bench) -> None:
    good, bad, lasting = (bench.enqueue("sample.flaky", {"good_at": at}) for at in (1, 9, 2))
    moved = bench.enqueue("sample.elsewhere")
    odd = bench.enqueue("sample.bad_strategy")
    bench.start()
    assert bench.outcome(good) == ("succeeded", 1)
    assert bench.outcome(lasting) == ("succeeded", 2)
    assert bench.outcome(bad) == ("failed", "error")
    assert [attempt["status"] for attempt in bench.attempts(bad)] == ["retried", "retried", "failed"]
    assert bench.outcome(moved) == ("succeeded", ["elsewhere", 7])
    assert bench.outcome(odd) == ("failed", "error")


def test_max_attempts_counts_runs(bench: Bench) -> None:
    job = bench.enqueue("sample.flaky", {"good_at": 9}, max_attempts=2)
    bench.start()
    assert bench.outcome(job) == ("failed", "error")
    assert len(bench.attempts(job)) == 2


@pytest.mark.parametrize("how", ["defer", "defer_sync", "configure", "batch", "manager", "old", "list"])
def test_a_task_may_not_write(bench: Bench, how: str) -> None:
    job = bench.enqueue("sample.defers", {"how": how})
    bench.drain()
    status, text = bench.outcome(job)
    assert status == "succeeded"
    assert text.startswith("WorkerMayNotWrite: ")
    assert "; " in text
    assert bench.sql("select count(*) as n from procrastinate.procrastinate_jobs")[0]["n"] == 1


def test_the_builtin_cleaner_may_not_write_either(bench: Bench) -> None:
    name = "builtin:procrastinate.builtin_tasks.remove_old_jobs"
    job = bench.enqueue(name, {"max_hours": 1}, queue="builtin")
    bench.drain()
    assert bench.outcome(job) == ("failed", "error")
    assert "WorkerMayNotWrite" in bench.attempts(job)[-1]["error"]
