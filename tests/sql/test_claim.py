"""What is handed out, in which order, and what is not: paused, expired, scheduled, too large."""

import secrets
import time

import pytest

from tests.support.cluster import Database
from tests.support.protocol import Session, done, enqueue, job, retry, status

pytestmark = pytest.mark.pg15(soak=True)


def test_priority_then_age_across_the_queues_asked_for(db: Database) -> None:
    server = db.connect("server")
    a, b, c, _other = enqueue(
        server, job(queue="a"), job(queue="b"), job(queue="a", priority=7), job(queue="elsewhere", priority=9)
    )
    session = Session(db, queues=["a", "b"])
    assert [item["id"] for _ in range(4) for item in session.claim(1)] == [c, a, b]


def test_all_queues_includes_those_that_appear_later(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job(queue="quite new"))
    assert [item["queue"] for item in worker.claim(5)] == ["quite new"]


def test_what_several_queues_offered_too_much_of_is_signalled(db: Database) -> None:
    server = db.connect("server")
    enqueue(server, *[job(queue=q) for q in "aabb"])
    answer = Session(db, queues=["a", "b"]).exchange(want=2)
    assert len(answer["jobs"]) == 2 and answer["more"] and "ow_any" in answer["wake"]


def test_a_paused_queue_hands_out_nothing(db: Database) -> None:
    server, dba = db.connect("server"), db.connect("dba")
    enqueue(server, job(queue="a"), job(queue="b"))
    dba.execute("select operator_api.pause('a', 'disk alarm')")
    everywhere, on_a = Session(db), Session(db, queues=["a"])
    assert [item["queue"] for item in everywhere.claim(5)] == ["b"]
    assert on_a.claim(5) == []
    dba.execute("select operator_api.resume('a', 'disk is back')")
    assert [item["queue"] for item in on_a.claim(5)] == ["a"]
    audit = dba.execute("select actor, action, target, reason from inspect.audit order by id").fetchall()
    assert audit == [
        ("onewriter_test_dba", "queues.pause", "a", "disk alarm"),
        ("onewriter_test_dba", "queues.resume", "a", "disk is back"),
    ]


def test_a_scheduled_job_is_not_early_and_its_time_is_told(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (later,) = enqueue(server, job(delay=0.3))
    answer = worker.exchange(want=5)
    assert answer["jobs"] == [] and 0.1 < answer["due"] <= 0.3
    deadline = time.monotonic() + 5
    while not (held := worker.claim(5)) and time.monotonic() < deadline:
        pass
    assert [item["id"] for item in held] == [later] and held[0]["scheduled_at"] is not None


def test_an_expired_job_is_refused_at_claim_and_ended_by_the_loop(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (late,) = enqueue(server, job(expires_at="2020-01-01T00:00:00Z"))
    assert worker.claim(5) == []
    assert status(server, late) == "ready"
    row = server.execute("select server_api.expire()").fetchone()
    assert row is not None and row[0]["expired"] == 1 and row[0]["next"] is None
    assert server.execute(
        "select status, reason, finished_at is not null from server_api.job"
    ).fetchall() == [("failed", "expired", True)]


def test_expiry_says_when_it_is_wanted_next(db: Database) -> None:
    server = db.connect("server")
    enqueue(server, job(expires_at="2999-01-01T00:00:00Z"))
    row = server.execute("select server_api.expire()").fetchone()
    assert row is not None and row[0]["expired"] == 0 and row[0]["next"] > 86_400


def test_an_answer_carries_at_most_256_kb_of_arguments(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    # Incompressible, so that the size on disk is the size sent.
    enqueue(server, *[job(args={"x": secrets.token_hex(30_000)}) for _ in range(8)])
    answer = worker.exchange(want=8)
    assert 1 <= len(answer["jobs"]) < 8 and answer["more"]
    got = len(answer["jobs"])
    while answer["jobs"]:
        answer = worker.exchange(want=8)
        got += len(answer["jobs"])
    assert got == 8


def test_max_attempts_counts_runs_and_the_database_holds_it(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job(max_attempts=2))
    for expected in ("ready", "failed"):
        (held,) = worker.claim()
        worker.exchange(retry=[retry(held)])
        assert status(server, job_id) == expected
    rows = server.execute("select attempt, status from server_api.attempt order by attempt").fetchall()
    assert rows == [(1, "retried"), (2, "failed")]


def test_a_retry_after_an_abort_was_asked_ends_aborted(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job())
    (held,) = worker.claim()
    row = server.execute("select server_api.cancel(%s, 'me', 'enough')", [job_id]).fetchone()
    assert row is not None and f"ow_w_{worker.id}" in row[0]["wake"]
    assert worker.exchange()["abort"] == [job_id]
    worker.exchange(retry=[retry(held)])
    assert status(server, job_id) == "aborted"


def test_the_floor_passes_over_what_lies_below_it_and_nothing_else(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    ids = enqueue(server, *[job() for _ in range(4)])
    held = worker.claim(5, floor=[["default", 0, ids[1]]])
    assert [item["id"] for item in held] == ids[2:]
    assert [item["id"] for item in worker.claim(5)] == ids[:2]


def test_a_subscription_puts_ends_into_the_outbox(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    db.connect("admin").execute(
        "insert into jobs.subscription (task, event, consumer)"
        " values ('echo', 'succeeded', 'handlers'), ('other', '*', 'handlers')"
    )
    good, bad = enqueue(server, job(), job())
    held = {item["id"]: item for item in worker.claim(2)}
    answer = worker.exchange(done=[done(held[good]), done(held[bad], how="failed")])
    assert set(answer["wake"]) == {"ow_job", "ow_out"}
    rows = db.connect("admin").execute("select job_id, claim_no, event from jobs.outbox").fetchall()
    assert rows == [(good, 1, "succeeded")]


def test_a_worker_sees_its_own_running_jobs_and_no_others(db: Database) -> None:
    server, worker, other = db.connect("server"), Session(db), Session(db, "worker2")
    enqueue(server, job(args={"secret": 1}), job())
    (mine,), _ = worker.claim(), other.claim()
    assert worker.connection.execute("select id from worker_api.running").fetchall() == [(mine["id"],)]


@pytest.mark.parametrize("floor", [None, [["a", 0, 0], ["b", 5, 0]]])
def test_what_begins_at_once_is_what_the_worker_takes_first(
    db: Database, floor: list[list[object]] | None
) -> None:
    """The best of all its queues, not of the first: only what has begun can count a crash."""
    server, worker = db.connect("server"), Session(db, queues=["a", "b"])
    prefetched, first = enqueue(server, job(queue="a"), job(queue="b", priority=5))
    assert [item["id"] for item in worker.claim(3, free=1, floor=floor)] == [first, prefetched]
    rows = server.execute("select id from server_api.job where started_at is not null").fetchall()
    assert rows == [(first,)]


def test_one_idle_session_looks_in_time_and_the_others_are_its_net(db: Database) -> None:
    """Each twice as late as the one before, up to 5 s; who has no free slot doesn't count."""
    server = db.connect("server")
    enqueue(server, job(delay=100))
    sessions = [Session(db) for _ in range(12)]
    eldest = sessions[0].exchange
    after = [session.exchange(want=1)["due"] - eldest(want=1)["due"] for session in sessions]
    assert after[:4] == pytest.approx([0, 0.05, 0.1, 0.2], abs=0.04)
    assert after[7:] == pytest.approx([3.2, 5, 5, 5, 5], abs=0.3)
    enqueue(server, job())
    assert sessions[0].claim(1)
    second, third = (session.exchange(want=1)["due"] for session in sessions[1:3])
    assert third - second == pytest.approx(0.05, abs=0.04)


def test_the_next_one_is_woken_for_what_is_due_beyond_what_one_takes(db: Database) -> None:
    server, first, second, third = db.connect("server"), *(Session(db) for _ in range(3))
    enqueue(server, job(delay=0.01), job(delay=0.02))
    due = "select count(*) = 2 from server_api.job where run_at < clock_timestamp()"
    deadline = time.monotonic() + 5
    while server.execute(due).fetchone() != (True,):
        assert time.monotonic() < deadline
    woken = [name for name in first.exchange(want=1)["wake"] if name.startswith("ow_w_")]
    assert woken == [f"ow_w_{second.id}"]
    answer = second.exchange(want=1)
    assert len(answer["jobs"]) == 1
    assert "wake" not in answer or f"ow_w_{third.id}" not in answer["wake"], "nothing is left for the third"
