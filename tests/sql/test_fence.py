"""Exactly one result is accepted: from the holder of the current claim."""

import json
from typing import Any

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


def test_a_result_is_accepted_once_and_stored(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job(args={"n": 1}))
    (held,) = worker.claim()
    assert (held["id"], held["args"], held["claim_no"]) == (job_id, {"n": 1}, 1)
    answer = worker.exchange(done=[done(held, {"sum": 2})])
    assert "stale" not in answer and answer["wake"] == ["ow_job"]
    rows = server.execute("select status, result, claim_no, attempt from server_api.attempt").fetchall()
    assert rows == [("succeeded", {"sum": 2}, 1, 1)]
    assert status(server, job_id) == "succeeded"


def test_a_replayed_settle_is_acknowledged_and_changes_nothing(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job())
    (held,) = worker.claim()
    worker.exchange(done=[done(held, 1)])
    assert "stale" not in worker.exchange(done=[done(held, 2)])
    assert server.execute("select result from server_api.attempt").fetchall() == [(1,)]
    assert db.connect("dba").execute("select count(*) from inspect.late_results").fetchone() == (0,)


def test_a_stale_item_in_a_batch_is_refused_alone_and_kept_as_evidence(db: Database) -> None:
    server, worker, other = db.connect("server"), Session(db), Session(db, "worker2")
    enqueue(server, job(), job())
    mine, theirs = worker.claim()[0], other.claim()[0]
    answer = worker.exchange(done=[done(mine), done(theirs)])
    assert answer["stale"] == [theirs["id"]]
    assert status(server, mine["id"]) == "succeeded" and status(server, theirs["id"]) == "running"
    late = db.connect("dba").execute("select job_id, session, login from inspect.late_results").fetchall()
    assert late == [(theirs["id"], worker.id, "onewriter_test_worker")]


def test_a_session_fills_no_disk_with_late_results(db: Database) -> None:
    server, worker, other = db.connect("server"), Session(db), Session(db, "worker2")
    enqueue(server, job())
    (theirs,) = other.claim()
    for _ in range(12):
        assert len(worker.exchange(done=[done(theirs)] * 150)["stale"]) == 150
    counted = db.connect("dba").execute("select count(*) from inspect.late_results").fetchone()
    assert counted == (1000,)


@pytest.mark.parametrize(
    "how", ["wrong secret", "another login", "lost session", "closed session", "no session"]
)
def test_who_is_not_the_live_session_is_told_gone(db: Database, how: str) -> None:
    server, worker = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job())
    (held,) = worker.claim()
    intruder = worker
    match how:
        case "wrong secret":
            worker.secret = "guess"
        case "another login":
            intruder = Session(db, "worker2")
            intruder.id, intruder.secret = worker.id, worker.secret
        case "lost session":
            expire_lease(db, worker)
            rescue(server)
        case "closed session":
            worker.close()
        case "no session":
            worker.id = 99_999
    assert intruder.exchange(done=[done(held)], want=1) == {"gone": True, "jobs": []}
    assert intruder.resume([held]) == {"gone": True}
    assert intruder.close() == {"gone": True}
    assert status(server, job_id) in ("running", "ready")
    assert server.execute(
        "select count(*) from server_api.attempt where status = 'succeeded'"
    ).fetchone() == (0,)
    # What a lost worker reports is evidence; what an impostor sends is none.
    late = db.connect("dba").execute("select job_id, claim_no, session, login from inspect.late_results")
    mine = [(job_id, held["claim_no"], worker.id, "onewriter_test_worker")]
    assert late.fetchall() == (mine if how == "lost session" else [])


def test_a_late_settle_of_an_earlier_claim_by_the_same_worker_is_refused(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job())
    (first,) = worker.claim()
    worker.exchange(release=[release(first)])
    (second,) = worker.claim()
    assert second["id"] == first["id"] and second["claim_no"] == first["claim_no"] + 1
    assert worker.exchange(done=[done(first)])["stale"] == [first["id"]]
    assert status(server, first["id"]) == "running"
    assert "stale" not in worker.exchange(done=[done(second)])


def test_the_right_and_a_wrong_claim_in_one_batch(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job())
    (held,) = worker.claim()
    wrong = {**held, "claim_no": held["claim_no"] + 1}
    answer = worker.exchange(done=[done(wrong, 1), done(held, 2)])
    assert answer["stale"] == [held["id"]]
    assert server.execute("select claim_no, result from server_api.attempt").fetchall() == [(1, 2)]


def test_release_and_retry_of_what_one_does_not_hold_change_nothing(db: Database) -> None:
    server, worker, other = db.connect("server"), Session(db), Session(db, "worker2")
    (job_id,) = enqueue(server, job())
    (held,) = other.claim()
    worker.exchange(release=[release(held)], retry=[retry(held)])
    assert status(server, job_id) == "running"
    assert "stale" not in other.exchange(done=[done(held)])


def test_resume_gives_back_what_the_worker_never_got(db: Database) -> None:
    """The answer to an exchange was lost: its jobs must not stay doing under a live worker."""
    server, worker = db.connect("server"), Session(db)
    enqueue(server, *[job() for _ in range(5)])
    kept, *lost = worker.claim(5)
    old_secret = worker.secret
    assert "secret" in worker.resume([kept])
    rows = server.execute(
        "select id, status, attempts, crashes, started_at from server_api.job where id <> %s order by id",
        [kept["id"]],
    ).fetchall()
    assert rows == [(item["id"], "ready", 0, None, None) for item in lost]
    assert status(server, kept["id"]) == "running"
    delayed = Session(db)
    delayed.id, delayed.secret = worker.id, old_secret
    assert delayed.exchange(want=5) == {"gone": True, "jobs": []}
    assert "stale" not in worker.exchange(done=[done(kept)])


def test_close_gives_everything_back_without_an_attempt(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    ids = enqueue(server, job(), job())
    worker.claim(2)
    assert worker.close() == {"returned": 2}
    assert [status(server, i) for i in ids] == ["ready", "ready"]
    assert server.execute("select count(*) from server_api.attempt").fetchone() == (0,)


def test_resume_waits_for_an_exchange_in_flight(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job())
    flight = db.connect("worker", autocommit=False)
    flight.execute(
        "select worker_api.exchange(%s, %s, null, null, null, null, null, null, null, 1, 1, true, null)",
        [worker.id, worker.secret],
    )
    worker.connection.execute("set lock_timeout = '50ms'")
    with pytest.raises(Exception, match="lock timeout"):
        worker.resume()
    flight.commit()
    worker.resume()
    assert server.execute("select status from server_api.job").fetchall() == [("ready",)]


@pytest.mark.parametrize(
    ("item", "reason", "text"),
    [
        (['"a\\u0000b"', None], "not_json", "22P05"),
        (["1e999999", None], "not_json", "22003"),
        (['"\\ud800"', None], "not_json", "22P02"),
        (["no JSON", None], "not_json", "22P02"),
        ([None, '["failed", "a\\u0000b", "error"]'], "not_json", "22P05"),
        ([None, '["failed", null, "no such reason"]'], "not_json", "22P02"),
        (['"' + "x" * 300_000 + '"', None], "oversized", "23514"),
    ],
)
def test_one_bad_item_among_200_good(db: Database, item: list[str | None], reason: str, text: str) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, *[job() for _ in range(201)])
    bad, *good = worker.claim(201)
    answer = worker.exchange(done=[[bad["id"], 1, *item], *[done(g, 1) for g in good]])
    assert list(answer["failed"]) == [str(bad["id"])] and text in answer["failed"][str(bad["id"])]
    counts = server.execute("select status, count(*) from server_api.job group by 1 order by 1").fetchall()
    assert counts == [("failed", 1), ("succeeded", 200)]
    row = server.execute("select reason, error from server_api.job where id = %s", [bad["id"]]).fetchone()
    assert row is not None and row[0] == reason and text in row[1]


@pytest.mark.parametrize("how", ["todo", "doing", "succeeded", "cancelled", "lost", "", None, 5])
def test_what_is_no_abort_is_a_failure(db: Database, how: Any) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job())
    (held,) = worker.claim()
    worker.exchange(done=[[held["id"], held["claim_no"], None, json.dumps([how, None, None])]])
    assert server.execute("select status, attempts from server_api.job").fetchall() == [("failed", 1)]


@pytest.mark.parametrize(
    "ends",
    [
        ([None], [1], None, None),
        ([], [], [], []),
        ([0, -1], [1, 1], None, None),
        ([7], [], None, None),
        ([7], None, None, None),
        ([7], [1, 2, 3], ["1", "2"], ["x"]),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]], None, None),
    ],
)
def test_items_without_an_id_are_nobodys_result(db: Database, ends: tuple[Any, ...]) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job())
    (held,) = worker.claim()
    worker.connection.execute(
        "select worker_api.exchange(%s, %s, %s::bigint[], %s::integer[], %s::text[], %s::text[],"
        " null, null, null, 0, 0, true, null)",
        [worker.id, worker.secret, *ends],
    )
    assert "stale" not in worker.exchange(done=[done(held)])
    assert status(server, held["id"]) == "succeeded"


def test_too_much_at_once_is_refused_whole(db: Database) -> None:
    worker = Session(db)
    with pytest.raises(Exception, match="1,000 items"):
        worker.exchange(done=[[n, 1, None, None] for n in range(1001)])
    with pytest.raises(Exception, match="8 MB"):
        worker.exchange(done=[[1, 1, "x" * 8_400_000, None]])


@pytest.mark.parametrize(
    "item",
    [
        'null, "a\\u0000b", null, null, null, null',
        '1e999, "x", null, null, null, null',
        '"soon", "x", null, null, null, null',
        'null, "x", 99999999999, null, null, null',
        'null, "x", null, "' + "q" * 129 + '", null, null',
        'null, "x", null, null, null, "no such reason"',
    ],
)
def test_one_bad_retry_among_good_ones(db: Database, item: str) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, *[job() for _ in range(3)])
    bad, *good = worker.claim(3)
    items = [
        f"[{bad['id']}, 1, {item}]",
        *[f'[{g["id"]}, 1, null, "x", null, null, null, null]' for g in good],
    ]
    answer = worker.exchange(retry="[" + ",".join(items) + "]")
    assert list(answer["failed"]) == [str(bad["id"])]
    assert status(server, bad["id"]) == "failed"
    assert [status(server, g["id"]) for g in good] == ["ready", "ready"]


def test_a_run_whose_worker_calls_it_expired_is_still_a_run(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job())
    (held,) = worker.claim()
    end = done(held, how="failed", reason="expired")
    assert "stale" not in worker.exchange(done=[end])
    assert "stale" not in worker.exchange(done=[end]), "recorded, so acknowledged again"
    assert server.execute("select status, reason from server_api.attempt").fetchall() == [
        ("failed", "expired")
    ]


def test_resume_compares_a_claim_as_a_whole(db: Database) -> None:
    """Job 1 in its claim 2 is held; that does not stand for job 2 in its claim 1."""
    server, worker = db.connect("server"), Session(db)
    first, second = enqueue(server, job(priority=1), job())
    (held,) = worker.claim()
    worker.exchange(release=[release(held)])
    kept, lost = worker.claim(2)
    assert (
        (kept["id"], kept["claim_no"], lost["id"], lost["claim_no"]) == (first, 2, second, 1) == (1, 2, 2, 1)
    )
    worker.resume([kept])
    assert (status(server, first), status(server, second)) == ("running", "ready")


@pytest.mark.parametrize("way", ["release", "resume", "close"])
def test_what_is_given_back_after_an_abort_was_asked_ends_aborted(db: Database, way: str) -> None:
    """A worker that stops must not turn a cancel into one more run."""
    server, worker = db.connect("server"), Session(db)
    job_id, next_place = enqueue(server, job(lock="L"), job(lock="L"))
    (held,) = worker.claim(2)
    db.connect("admin").execute(
        "insert into jobs.subscription (task, event, consumer) values ('echo', 'aborted', 'handlers')"
    )
    listener = db.connect("server")
    listener.execute("listen ow_job")
    listener.execute("listen ow_out")
    server.execute("select server_api.cancel(%s, 'me', null)", [job_id])
    match way:
        case "release":
            assert {"ow_job", "ow_out", "ow_any"} <= set(worker.exchange(release=[release(held)])["wake"])
        case "resume":
            worker.resume()
        case "close":
            assert worker.close() == {"returned": 0}
    assert (status(server, job_id), status(server, next_place)) == ("aborted", "ready")
    assert server.execute("select claim_no, attempt, status, error from server_api.attempt").fetchall() == [
        (1, 1, "aborted", "Aborted on request.")
    ]
    if way != "release":
        assert {n.channel for n in listener.notifies(timeout=5, stop_after=2)} == {"ow_job", "ow_out"}
