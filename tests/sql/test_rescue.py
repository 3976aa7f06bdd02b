"""Sessions die by their own lease; their jobs come back, and only a job that kills alone is stopped."""

import pytest

from tests.support.cluster import Database
from tests.support.protocol import Session, done, enqueue, expire_lease, job, rescue, status

pytestmark = pytest.mark.pg15(soak=True)


def test_a_lost_sessions_jobs_come_back_and_its_worker_is_told_gone(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job())
    (held,) = worker.claim()
    assert rescue(server)["session"] is None, "a live session is left alone"
    expire_lease(db, worker)
    answer = rescue(server)
    assert (answer["session"], answer["returned"], answer["failed"]) == (worker.id, 1, 0)
    assert {"ow_any", "ow_job"} <= set(answer["wake"])
    assert status(server, job_id) == "ready"
    assert server.execute("select status, reason, attempt from server_api.attempt").fetchall() == [
        ("lost", "lost", 1)
    ]
    assert worker.exchange(done=[done(held)])["gone"]
    (again,) = Session(db).claim()
    assert (again["id"], again["attempts"], again["crashes"]) == (job_id, 0, 1)


def test_one_call_takes_one_session_and_says_when_the_next_lease_ends(db: Database) -> None:
    server = db.connect("server")
    sessions = [Session(db) for _ in range(3)]
    for session in sessions[:2]:
        expire_lease(db, session)
    taken = [rescue(server)["session"] for _ in range(3)]
    assert sorted(taken[:2]) == [s.id for s in sessions[:2]] and taken[2] is None
    assert 0 < rescue(server)["next"] <= 15
    sessions[2].close()
    assert rescue(server)["next"] is None


def test_a_late_but_living_session_that_exchanges_first_stays(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    db.connect("admin").execute(
        "update jobs.session set expires_at = now() - interval '1 s', last_seen_at = now() - interval '20 s'"
    )
    assert not worker.exchange()["gone"]
    assert rescue(server)["session"] is None


def test_a_busy_session_is_not_swept_while_it_exchanges(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    flight = db.connect("worker", autocommit=False)
    flight.execute(
        "select worker_api.exchange(%s, %s, null, null, null, null, null, null, null, 0, 0, true, null)",
        [worker.id, worker.secret],
    )
    expire_lease_blocked = db.connect("admin")
    expire_lease_blocked.execute("set lock_timeout = '50ms'")
    row = server.execute("select expires_at > now() from server_api.session").fetchone()
    assert row == (True,)
    flight.commit()


def test_a_backend_that_keeps_its_session_locked_past_the_lease_is_terminated(db: Database) -> None:
    """SIGSTOP in a large answer: neither a cancel nor statement_timeout reaches such a backend."""
    server = db.connect("server")
    worker = Session(db)
    enqueue(server, job())
    worker.claim()
    expire_lease(db, worker)
    worker.connection.execute("begin")
    worker.connection.execute(
        "select worker_api.exchange(%s, %s, null, null, null, null, null, null, null, 0, 0, true, null)",
        [worker.id, worker.secret],
    )
    assert rescue(server)["session"] is None
    with pytest.raises(Exception, match=r"terminat|closed"):
        worker.connection.execute("select 1")
    taken = [rescue(server) for _ in range(20)]
    assert any(answer["session"] == worker.id and answer["returned"] == 1 for answer in taken)


def test_rescue_waits_for_nobodys_audited_transaction(db: Database) -> None:
    """A DBA's open transaction holds the audit's chain: the backend is ended and counted, without a line."""
    server, dba, worker = db.connect("server"), db.connect("dba", autocommit=False), Session(db)
    enqueue(server, job())
    worker.claim()
    expire_lease(db, worker)
    worker.connection.execute("begin")
    worker.connection.execute(
        "select worker_api.exchange(%s, %s, null, null, null, null, null, null, null, 0, 0, true, null)",
        [worker.id, worker.secret],
    )
    dba.execute("select operator_api.pause('default', 'a long look')")
    server.execute("set statement_timeout = '5s'")
    taken = [rescue(server) for _ in range(20)]
    assert any(answer["session"] == worker.id and answer["returned"] == 1 for answer in taken)
    dba.rollback()
    counted = dba.execute("select rule, times from inspect.ended_backends").fetchall()
    assert counted == [("lease", 1)]
    assert dba.execute("select count(*) from inspect.audit where action = 'backends.end'").fetchone() == (0,)


def test_prefetched_jobs_that_never_began_count_no_crash_but_are_not_prefetched_again(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    ids = enqueue(server, *[job() for _ in range(3)])
    worker.claim(3, free=1)
    expire_lease(db, worker)
    rescue(server)
    rows = server.execute("select id, crashes from server_api.job order by id").fetchall()
    assert rows == [(ids[0], 1), (ids[1], 0), (ids[2], 0)]
    assert server.execute("select count(*) from server_api.attempt").fetchone() == (1,)
    other = Session(db)
    assert [item["id"] for item in other.claim(3, free=1, alone=False)] == [ids[1]]


def test_a_noted_start_counts(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job(), job())
    _, second = worker.claim(2, free=1)
    worker.exchange(notes={"started": [[second["id"], second["claim_no"]]]})
    expire_lease(db, worker)
    rescue(server)
    assert server.execute("select crashes from server_api.job").fetchall() == [(1,), (1,)]


def test_a_suspect_goes_alone_and_only_to_a_worker_that_holds_nothing(db: Database) -> None:
    server, lost = db.connect("server"), Session(db)
    (suspect,) = enqueue(server, job(priority=1))
    lost.claim()
    expire_lease(db, lost)
    rescue(server)
    neighbours = enqueue(server, job(), job())
    worker = Session(db)
    busy = worker.exchange(want=5, alone=False)
    assert [item["id"] for item in busy["jobs"]] == neighbours and busy["suspect"]
    worker.exchange(done=[done(item) for item in busy["jobs"]])
    enqueue(server, job())
    assert [item["id"] for item in worker.claim(5)] == [suspect], "and without company"


def test_the_third_crash_ends_the_job_and_no_neighbour(db: Database) -> None:
    server = db.connect("server")
    (poison,) = enqueue(server, job(priority=1))
    neighbours = enqueue(server, *[job() for _ in range(9)])
    for _ in range(40):
        worker = Session(db)
        held = worker.claim(10)
        if not held:
            break
        if any(item["id"] == poison for item in held):
            expire_lease(db, worker)  # the poison kills whoever runs it
            rescue(server)
        else:
            worker.exchange(done=[done(item) for item in held])
    rows = server.execute(
        "select id, status, reason, crashes from server_api.job where id = %s", [poison]
    ).fetchall()
    assert rows == [(poison, "failed", "lost", 2)]
    assert {status(server, i) for i in neighbours} == {"succeeded"}
    lost = server.execute("select count(*) from server_api.attempt where job_id = %s", [poison]).fetchone()
    assert lost == (3,)


def test_a_lost_job_that_was_asked_to_abort_is_aborted(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job())
    worker.claim()
    server.execute("select server_api.cancel(%s, 'me', null)", [job_id])
    expire_lease(db, worker)
    rescue(server)
    assert status(server, job_id) == "aborted"


def test_jobs_whose_session_is_missing_are_found(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job())
    worker.claim()
    db.connect("admin").execute("delete from jobs.session")
    assert rescue(server)["returned"] == 1
    assert status(server, job_id) == "ready"


def test_retry_by_a_person_clears_the_crashes(db: Database) -> None:
    server = db.connect("server")
    (job_id,) = enqueue(server, job())
    for _ in range(3):
        worker = Session(db)
        worker.claim()
        expire_lease(db, worker)
        rescue(server)
    assert status(server, job_id) == "failed"
    server.execute("select server_api.retry(%s, 'me', null)", [job_id])
    assert server.execute("select status, crashes from server_api.job").fetchone() == ("ready", None)
