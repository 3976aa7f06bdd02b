"""Starting, sleeping, stopping; what stock's command line may ask for."""

import sys

import pytest

from tests.worker.conftest import Bench


def test_only_signals_wake_it(bench: Bench) -> None:
    """With a heartbeat of a minute only NOTIFY, and `due` for the scheduled one, can be in time."""
    worker = bench.start(ONEWRITER_LEASE="300", ONEWRITER_HEARTBEAT="60")
    bench.session()
    bench.until(lambda: bench.sql("select 1 from jobs.session where last_seen_at is not null"))
    new_queue = bench.enqueue("sample.add", {"a": 1}, queue="later")
    assert bench.outcome(new_queue) == ("succeeded", 2)
    delayed = bench.enqueue("sample.add", {"a": 2}, delay=0.7)
    assert bench.outcome(delayed) == ("succeeded", 3)
    retried = bench.enqueue("sample.elsewhere")
    assert bench.outcome(retried) == ("succeeded", ["elsewhere", 7])
    assert worker.stop() == 0


def test_named_queues_only(bench: Bench) -> None:
    mine, other = bench.enqueue("sample.nap", queue="ö"), bench.enqueue("sample.nap")
    bench.drain("-q", "ö, x")
    assert bench.outcome(mine) == ("succeeded", "rested")
    assert bench.job(other)["status"] == "ready"


def test_sigterm_drains_and_gives_back_what_never_began(bench: Bench) -> None:
    worker = bench.start("-c", "2")
    running = [bench.enqueue("sample.nap", {"seconds": 1}) for _ in range(2)]
    bench.running(2)
    waiting = bench.enqueue("sample.nap")
    assert worker.stop() == 0
    assert {bench.outcome(job) for job in running} == {("succeeded", "rested")}
    assert bench.job(waiting)["status"] == "ready"
    assert bench.attempts(waiting) == []
    assert bench.sql("select closed_at is not null as closed from jobs.session")[0]["closed"]


@pytest.mark.parametrize("task", ["sample.nap", "sample.patient", "sample.hang", "sample.stubborn"])
def test_the_graceful_timeout_gives_jobs_back(bench: Bench, task: str) -> None:
    worker = bench.start("--shutdown-graceful-timeout", "0.2")
    job = bench.enqueue(task, {"seconds": 60} if task == "sample.nap" else {})
    bench.running(1)
    assert worker.stop() == 0, worker.output()
    assert bench.job(job)["status"] == "ready", worker.output()
    assert bench.job(job)["attempts"] == 0
    assert not bench.job(job)["crashes"]


def test_heartbeats_go_on_while_it_drains(bench: Bench) -> None:
    """Longer than the lease of 5 s."""
    worker = bench.start()
    job = bench.enqueue("sample.nap", {"seconds": 7})
    bench.running(1)
    assert worker.stop() == 0
    assert bench.outcome(job) == ("succeeded", "rested")
    assert len(bench.attempts(job)) == 1


@pytest.mark.parametrize(
    ("args", "settings", "word"),
    [
        (["--no-listen-notify"], {}, "--no-listen-notify"),
        (["--delete-jobs", "always"], {}, "--delete-jobs always"),
        ([], {"PROCRASTINATE_WORKER_DELETE_JOBS": "successful"}, "--delete-jobs successful"),
        ([], {"ONEWRITER_WORKER_DATABASE_URL": ""}, "ONEWRITER_WORKER_DATABASE_URL is not set"),
        ([], {"ONEWRITER_WORKER_DATABASE_URL": "what=ever"}, "cannot be read"),
        ([], {"ONEWRITER_TASKS": "no.such.module"}, "no.such.module"),
        ([], {"ONEWRITER_LEASE": "1"}, "ONEWRITER_LEASE=1"),
        (["-c", "0"], {}, "--concurrency 0"),
    ],
)
def test_refusals_are_one_sentence_and_exit_2(
    bench: Bench, args: list[str], settings: dict[str, str], word: str
) -> None:
    worker = bench.start(*args, **settings)
    assert worker.wait() == 2
    assert word in worker.output()
    assert "Traceback" not in worker.output()


@pytest.mark.parametrize("role", ["admin", "migrator"])
def test_a_login_that_may_write_is_refused(bench: Bench, role: str) -> None:
    worker = bench.start(ONEWRITER_WORKER_DATABASE_URL=bench.db.dsn(role))
    assert worker.wait() == 2, worker.output()
    assert "Traceback" not in worker.output()


def test_a_granted_right_is_named(bench: Bench) -> None:
    bench.sql("create table public.notes (id int)")
    bench.sql("grant update on public.notes to onewriter_test_worker")
    worker = bench.start()
    assert worker.wait() == 2
    assert "notes" in worker.output()
    bench.sql("drop table public.notes")


def test_no_onewriter_database(bench: Bench) -> None:
    name = f"{bench.db.name}_bare"
    bench.sql(f"create database {name}")
    worker = bench.start(ONEWRITER_WORKER_DATABASE_URL=bench.db.server.dsn(name))
    assert worker.wait() == 2
    assert "onewriter migrate" in worker.output()
    bench.sql(f"drop database {name} with (force)")


def test_polling_intervals_and_periodic_tasks_are_named_once(bench: Bench) -> None:
    output = bench.drain("-p", "3", "-a", "4").output()
    assert output.count("fetch_job_polling_interval, abort_job_polling_interval") == 1
    assert output.count("sample.tick") == 2  # stock's own line at registration, and our warning
    assert "Periodic tasks are not deferred by a worker" in output
    assert not bench.sql("select 1 from procrastinate.procrastinate_jobs")


def test_one_shot_without_a_server_is_an_error(bench: Bench) -> None:
    worker = bench.start("--one-shot", ONEWRITER_WORKER_DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    assert worker.wait() == 1
    assert "Traceback" not in worker.output()


def test_stock_environment_variables(bench: Bench) -> None:
    job = bench.enqueue("sample.context", queue="env")
    worker = bench.start(
        PROCRASTINATE_WORKER_QUEUES="env",
        PROCRASTINATE_WORKER_NAME="bob",
        PROCRASTINATE_WORKER_CONCURRENCY="3",
    )
    status, result = bench.outcome(job)
    assert (status, result["worker"]) == ("succeeded", "bob")
    assert bench.session()["info"]["concurrency"] == 3
    assert worker.stop() == 0


def test_an_existing_app_hands_over_its_tasks(bench: Bench, tmp_path: object) -> None:
    job = bench.enqueue("plain")
    bench.drain(tasks="tests.worker.sample_app")
    assert bench.outcome(job) == ("succeeded", "from a stock app")
    assert sys.version_info >= (3, 11)
