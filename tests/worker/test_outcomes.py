"""Bad input from tasks: each job ends in a state and a reason that say so, and no other job suffers."""

import pytest

from tests.worker.conftest import Bench

RETURNS = {
    "object": ("failed", "not_json"),
    "set": ("failed", "not_json"),
    "bytes": ("failed", "not_json"),
    "nan": ("failed", "not_json"),
    "nested_inf": ("failed", "not_json"),
    "nul": ("failed", "not_json"),
    "surrogate": ("failed", "not_json"),
    "itself": ("failed", "not_json"),
    "big": ("failed", "oversized"),
    "tuple": ("succeeded", [1, 2]),
    "int_keys": ("succeeded", {"1": "a"}),
    "huge_int": ("succeeded", 2**70),
    "none": ("succeeded", None),
    "text": ("succeeded", "ü✓"),
}


def test_results_are_json_or_the_job_says_why_not(bench: Bench) -> None:
    jobs = {what: bench.enqueue("sample.returns", {"what": what}) for what in RETURNS}
    bystander = bench.enqueue("sample.add", {"a": 1})
    bench.drain("-c", "5")
    assert {what: bench.outcome(job) for what, job in jobs.items()} == RETURNS
    assert bench.outcome(bystander) == ("succeeded", 2)


def test_errors_are_bounded_and_clean(bench: Bench) -> None:
    jobs = {
        how: bench.enqueue("sample.fails", {"how": how}) for how in ("nul", "long", "unprintable", "plain")
    }
    bench.drain()
    assert {bench.outcome(job) for job in jobs.values()} == {("failed", "error")}
    errors = {how: bench.attempts(job)[-1]["error"] for how, job in jobs.items()}
    assert "\x00" not in errors["nul"]
    assert len(errors["long"].encode()) <= 8192
    assert errors["plain"].startswith("ValueError: plain\n")
    assert "sample_tasks.py" in errors["plain"]
    assert errors["unprintable"].startswith("Unprintable: (its text cannot be shown)")


def test_leaving_is_only_a_failure(bench: Bench) -> None:
    jobs = [bench.enqueue("sample.leave", {"how": how}) for how in ("exit", "interrupt", "odd")]
    jobs.append(bench.enqueue("sample.leave_sync"))
    bystander = bench.enqueue("sample.nap")
    bench.drain("-c", "2")
    assert {bench.outcome(job) for job in jobs} == {("failed", "error")}
    assert bench.outcome(bystander) == ("succeeded", "rested")


def test_unknown_tasks_and_arguments_that_do_not_fit(bench: Bench) -> None:
    unknown = bench.enqueue("nobody.knows")
    unfit = bench.enqueue("sample.add", {"c": 1})
    endless = bench.enqueue("sample.add", {"a": 1})
    bench.sql("update procrastinate.procrastinate_jobs set args = '{\"a\": 1e6000}' where id = %s", endless)
    fine = bench.enqueue("sample.add", {"a": 1})
    bench.drain("-c", "4")
    assert bench.outcome(unknown) == ("failed", "unknown_task")
    assert bench.outcome(unfit) == ("failed", "error")
    assert bench.outcome(endless) == ("failed", "error")
    assert bench.outcome(fine) == ("succeeded", 2)


def test_a_timeout_cancels_an_async_task(bench: Bench) -> None:
    slow = bench.enqueue("sample.nap", {"seconds": 60}, timeout=0.2)
    quick = bench.enqueue("sample.nap", {"seconds": 0.01}, timeout=5)
    bench.drain("-c", "2")
    assert bench.outcome(slow) == ("failed", "timeout")
    assert bench.outcome(quick) == ("succeeded", "rested")


def test_a_setting_limits_tasks_without_a_timeout(bench: Bench) -> None:
    slow = bench.enqueue("sample.nap", {"seconds": 60})
    bench.drain(ONEWRITER_TASK_TIMEOUT="0.2")
    assert bench.outcome(slow) == ("failed", "timeout")


def test_a_sync_task_that_asks_can_stop_at_its_timeout(bench: Bench) -> None:
    job = bench.enqueue("sample.patient", timeout=0.2)
    bench.drain()
    assert bench.outcome(job) == ("failed", "timeout")


@pytest.mark.parametrize("task", ["sample.hang_with_timeout", "sample.stubborn"])
def test_a_hanging_task_loses_its_slot_and_half_of_them_the_process(bench: Bench, task: str) -> None:
    worker = bench.start("-c", "4")
    bench.session()
    first = bench.enqueue(task, timeout=0.2)
    assert bench.outcome(first) == ("failed", "timeout")
    others = [bench.enqueue("sample.nap_sync") for _ in range(4)]
    assert {bench.outcome(job) for job in others} == {("succeeded", "rested")}
    assert "Starting anew" not in worker.output()
    second = bench.enqueue(task, timeout=0.2)
    assert bench.outcome(second) == ("failed", "timeout")
    bench.until(lambda: "Starting anew" in worker.output())
    bench.session(count=2)
    assert bench.outcome(bench.enqueue("sample.add", {"a": 1})) == ("succeeded", 2)
    assert worker.stop() == 0


def test_a_blocked_loop_past_its_timeout_starts_anew(bench: Bench) -> None:
    worker = bench.start("-c", "2", ONEWRITER_BLOCKED_AFTER="0.5")
    bench.session()
    blocking = bench.enqueue("sample.block", {"seconds": 3600}, timeout=0.2)
    assert bench.outcome(blocking) == ("failed", "timeout")
    bench.session(count=2)
    assert bench.outcome(bench.enqueue("sample.add", {"a": 1})) == ("succeeded", 2)
    assert worker.stop() == 0
