"""A lock has one running job, its places are kept in order, and what it blocks costs nothing."""

import threading
import time

import pytest

from tests.support.cluster import Database
from tests.support.protocol import (
    Session,
    done,
    enqueue,
    expire_lease,
    job,
    release,
    rescue,
    retry,
    status,
)  # fmt: skip

pytestmark = pytest.mark.pg15(soak=True)


def test_only_the_first_place_is_handed_out_and_the_next_follows(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    ids = enqueue(server, *[job(lock="L") for _ in range(3)])
    (first,) = worker.claim(10)
    assert first["id"] == ids[0]
    assert [status(server, i) for i in ids[1:]] == ["waiting", "waiting"]
    answer = worker.exchange(done=[done(first)], want=10)
    assert [item["id"] for item in answer["jobs"]] == [ids[1]]
    assert "ow_any" in answer["wake"], "idle workers hear that the next place is free"


def test_priority_then_age_orders_the_places(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    low, high = enqueue(server, job(lock="L"), job(lock="L", priority=5))
    taken = []
    for _ in range(2):
        (held,) = worker.claim(5)
        taken.append(held["id"])
        worker.exchange(done=[done(held)])
    assert taken == [high, low]


def test_a_head_in_the_future_takes_no_place(db: Database) -> None:
    """Procrastinate #1599: one job for tomorrow held up its lock's whole queue."""
    server, worker = db.connect("server"), Session(db)
    tomorrow, now = enqueue(server, job(lock="L", delay=86_400, priority=9), job(lock="L"))
    assert [item["id"] for item in worker.claim(5)] == [now]
    assert status(server, tomorrow) == "scheduled"


def test_a_head_in_backoff_keeps_its_place(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    first, second = enqueue(server, job(lock="L"), job(lock="L"))
    (held,) = worker.claim(5)
    worker.exchange(retry=[retry(held, delay=0.2)])
    assert worker.claim(5) == []
    assert (status(server, first), status(server, second)) == ("scheduled", "waiting")
    deadline = time.monotonic() + 5
    while not (again := worker.claim(5)) and time.monotonic() < deadline:
        pass
    assert [item["id"] for item in again] == [first]


def test_the_first_place_may_be_in_another_queue(db: Database) -> None:
    server = db.connect("server")
    first, second = enqueue(server, job(lock="L", queue="a"), job(lock="L", queue="b"))
    on_b, on_a = Session(db, queues=["b"]), Session(db, queues=["a"])
    assert on_b.claim(5) == []
    assert status(server, second) == "waiting"
    (held,) = on_a.claim(5)
    assert held["id"] == first
    on_a.exchange(done=[done(held)])
    assert [item["id"] for item in on_b.claim(5)] == [second]


def test_a_retry_that_changes_its_lock_frees_the_old_one(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    first, second = enqueue(server, job(lock="L"), job(lock="L"))
    (held,) = worker.claim(5)
    worker.exchange(retry=[retry(held, lock="M")])
    assert {item["id"] for item in worker.claim(5)} == {first, second}


def test_a_retry_that_changes_its_queue_goes_there(db: Database) -> None:
    server, on_a = db.connect("server"), Session(db, queues=["default"])
    enqueue(server, job())
    (held,) = on_a.claim(5)
    on_a.exchange(retry=[retry(held, queue="slow", priority=3)])
    assert on_a.claim(5) == []
    (moved,) = Session(db, queues=["slow"]).claim(5)
    assert (moved["queue"], moved["priority"], moved["attempts"]) == ("slow", 3, 1)


@pytest.mark.parametrize("how", ["cancel", "release", "close", "lost", "expire"])
def test_whatever_ends_the_first_place_frees_the_next(db: Database, how: str) -> None:
    server, worker, other = db.connect("server"), Session(db), Session(db, "worker2")
    first, second = enqueue(server, job(lock="L", expires_at="2999-01-01T00:00:00Z"), job(lock="L"))
    (held,) = worker.claim(5)
    match how:
        case "cancel":
            worker.exchange(release=[release(held)])
            server.execute("select server_api.cancel(%s, 'me', null)", [first])
        case "release":
            worker.exchange(release=[release(held)])
        case "close":
            worker.close()
        case "lost":
            expire_lease(db, worker)
            rescue(server)
        case "expire":
            worker.exchange(release=[release(held)])
            db.connect("admin").execute(
                "update procrastinate.procrastinate_jobs set expires_at = now() where id = %s", [first]
            )
            server.execute("select server_api.expire()")
    expected = second if how in ("cancel", "expire") else first
    assert [item["id"] for item in other.claim(5)] == [expected]


def test_two_workers_never_run_one_lock_at_once(db: Database) -> None:
    server = db.connect("server")
    ids = enqueue(server, *[job(lock=f"L{n % 3}") for n in range(60)])
    running: set[str] = set()
    order: dict[str, list[int]] = {}
    wrong: list[str] = []
    guard = threading.Lock()

    def work(session: Session) -> None:
        finished: list[dict[str, object]] = []
        idle = 0
        while idle < 50:
            with guard:
                running.difference_update(str(item["lock"]) for item in finished)
            answer = session.exchange(done=[done(item) for item in finished], want=4)
            finished = answer["jobs"]
            idle = 0 if finished else idle + 1
            with guard:
                for item in finished:
                    lock = str(item["lock"])
                    if lock in running:
                        wrong.append(lock)
                    running.add(lock)
                    order.setdefault(lock, []).append(int(str(item["id"])))

    threads = [threading.Thread(target=work, args=(Session(db, role),)) for role in ("worker", "worker2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert sorted(i for ran in order.values() for i in ran) == sorted(ids)
    assert all(ran == sorted(ran) for ran in order.values()), "places are taken in order"


def test_100_000_jobs_behind_one_lock_hold_nobody_up(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    db.connect("admin").execute(
        "insert into procrastinate.procrastinate_jobs (queue_name, task_name, lock, gate)"
        " select 'default', 'echo', 'L', 1 from generate_series(1, 100000)"
    )
    db.connect("admin").execute("analyze procrastinate.procrastinate_jobs")
    (behind,) = enqueue(server, job())
    exchanges, found = 0, False
    while not found:
        answer = worker.exchange(want=1000)
        found = any(item["id"] == behind for item in answer["jobs"])
        exchanges += 1
        assert answer["more"] or found
    assert exchanges <= 102, "each look parks what it found blocked"
    (first,) = server.execute(
        "select id from server_api.job where status = 'running' and lock = 'L'"
    ).fetchall()
    began = time.monotonic()
    for _ in range(20):
        answer = worker.exchange(done=[[first[0], 1, None, None]], want=1)
        first = (answer["jobs"][0]["id"],)
    assert time.monotonic() - began < 2, "the next place is found by index, not by a scan of the waiting"


@pytest.mark.parametrize("way", ["retry", "release", "lost"])
def test_a_job_whose_queueing_lock_was_taken_returns_without_it(db: Database, way: str) -> None:
    """Procrastinate #1446: such a retry raised, and the job stayed doing for ever."""
    server, worker = db.connect("server"), Session(db)
    (first,) = enqueue(server, job(queueing_lock="Q"))
    (held,) = worker.claim(1)
    (second,) = enqueue(server, job(queueing_lock="Q"))
    match way:
        case "retry":
            worker.exchange(retry=[retry(held)])
        case "release":
            worker.exchange(release=[release(held)])
        case "lost":
            expire_lease(db, worker)
            rescue(server)
    rows = server.execute("select id, status, queueing_lock from server_api.job order by id").fetchall()
    assert rows == [(first, "ready", None), (second, "ready", "Q")]
    event = server.execute(
        "select detail from server_api.history where type = 'queueing_lock_lost'"
    ).fetchone()
    assert event == ({"job_id": second, "queueing_lock": "Q"},)


def test_two_running_jobs_with_one_queueing_lock_are_both_rescued(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    ids = []
    for _ in range(2):
        ids += enqueue(server, job(queueing_lock="Q"))
        worker.claim(1)
    expire_lease(db, worker)
    assert rescue(server)["returned"] == 2
    rows = server.execute("select id, status, queueing_lock from server_api.job order by id").fetchall()
    assert rows == [(ids[0], "ready", "Q"), (ids[1], "ready", None)]


def test_a_persons_retry_into_a_taken_queueing_lock_is_refused_with_the_other_id(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (first,) = enqueue(server, job(queueing_lock="Q"))
    (held,) = worker.claim(1)
    worker.exchange(done=[done(held, how="failed")])
    (second,) = enqueue(server, job(queueing_lock="Q"))
    with pytest.raises(Exception, match="queueing lock") as caught:
        server.execute("select server_api.retry(%s, 'me', null)", [first])
    assert caught.value.sqlstate == "OWQ01"  # type: ignore[attr-defined]
    assert caught.value.diag.message_detail == f'{{"job_id": {second}}}'  # type: ignore[attr-defined]
    assert status(server, first) == "failed"
