"""Retention: what is old goes with all that was recorded of it, and nothing else does."""

import json
import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.sql.test_verbs import call, refused
from tests.support.cluster import Database
from tests.support.protocol import Session, done, enqueue, job, retry, status

pytestmark = pytest.mark.pg15(soak=True)

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
PRUNE = "select server_api.prune_jobs(%s, %s, %s, %s, %s, %s)"


def prune(
    server: psycopg.Connection[Any],
    *,
    after: int = 0,
    most: int = 1000,
    succeeded: timedelta | None = 7 * DAY,
    failed: timedelta | None = 30 * DAY,
    cancelled: timedelta | None = 30 * DAY,
    aborted: timedelta | None = 30 * DAY,
) -> dict[str, Any]:
    answer: dict[str, Any] = call(server, PRUNE, after, most, succeeded, failed, cancelled, aborted)
    return answer


def grow_old(db: Database, age: timedelta) -> None:
    """Everything recorded so far happened `age` earlier: the one thing that a test does as superuser."""
    with db.connect("admin") as admin:
        admin.execute(
            "update procrastinate.procrastinate_jobs"
            " set created_at = created_at - %(age)s, finished_at = finished_at - %(age)s",
            {"age": age},
        )


def end(worker: Session, held: dict[str, Any], how: str = "succeeded") -> None:
    worker.exchange(done=[done(held, None, how, reason="error" if how == "failed" else None)])


def finished(db: Database, how: str) -> int:
    """A job that has just ended like this."""
    server = db.connect("server")
    (job_id,) = enqueue(server, job())
    if how == "cancelled":
        call(server, "select server_api.cancel(%s, 'me', null)", job_id)
    else:
        worker = Session(db)
        end(worker, worker.claim()[0], how)
        worker.close()
    return job_id


def ids(db: Database) -> list[int]:
    rows = db.connect("admin").execute("select id from procrastinate.procrastinate_jobs order by id")
    return [i for (i,) in rows.fetchall()]


def left(db: Database, *tables: str) -> dict[str, int]:
    with db.connect("admin") as admin:
        return {t: call(admin, f"select count(*) from jobs.{t}") for t in tables}


FACTS = ("attempt", "job_event", "job_detail", "cause")


@pytest.mark.parametrize("how", ["succeeded", "failed", "cancelled", "aborted"])
def test_each_status_has_its_own_age(db: Database, how: str) -> None:
    server = db.connect("server")
    finished(db, how)
    others = dict.fromkeys(("succeeded", "failed", "cancelled", "aborted"), MINUTE)
    grow_old(db, 3 * DAY - MINUTE)
    assert prune(server, **{**others, how: 3 * DAY})["pruned"] == 0, "a minute too young"
    assert prune(server, **{**others, how: None})["pruned"] == 0, "never"
    grow_old(db, MINUTE)
    assert prune(server, **{**dict.fromkeys(others, None), how: 3 * DAY})["pruned"] == 1
    assert ids(db) == []


def test_a_job_takes_all_that_was_recorded_of_it_along(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue_call = "select server_api.enqueue_batch(%s, %s, null)"
    given = [json.dumps([job(key="k")]), json.dumps({"kind": "http", "actor": "a"})]
    call(server, enqueue_call, *given)
    (old,) = ids(db)
    worker.exchange(retry=[retry(worker.claim()[0], 0)])
    end(worker, worker.claim()[0], "failed")
    call(server, "select server_api.retry(%s, 'me', null)", old)
    end(worker, worker.claim()[0])
    grow_old(db, 8 * DAY)
    call(server, enqueue_call, *given)
    end(worker, worker.claim()[0])
    assert left(db, *FACTS) == {"attempt": 2, "job_event": 1, "job_detail": 2, "cause": 2}
    assert prune(server)["pruned"] == 1
    assert left(db, *FACTS) == {"attempt": 0, "job_event": 0, "job_detail": 1, "cause": 1}


def test_what_waits_or_runs_is_never_pruned(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    jobs = enqueue(server, job(), job(delay=3600), job(lock="x"), job(lock="x"))
    worker.claim(2)
    grow_old(db, 900 * DAY)
    assert prune(server, succeeded=MINUTE, failed=MINUTE, cancelled=MINUTE, aborted=MINUTE)["pruned"] == 0
    assert ids(db) == jobs


def test_the_last_end_counts(db: Database) -> None:
    """Failed a year ago, retried and failed again just now; cancelled a year ago, retried, cancelled now."""
    server, worker = db.connect("server"), Session(db)
    failed, cancelled = finished(db, "failed"), finished(db, "cancelled")
    grow_old(db, 365 * DAY)
    for job_id in (failed, cancelled):
        call(server, "select server_api.retry(%s, 'me', null)", job_id)
    assert prune(server)["pruned"] == 0
    end(worker, worker.claim()[0], "failed")
    call(server, "select server_api.cancel(%s, 'me', null)", cancelled)
    assert prune(server)["pruned"] == 0
    assert ids(db) == [failed, cancelled]
    assert left(db, "attempt") == {"attempt": 1}


def test_a_job_that_waited_for_a_year_is_as_old_as_its_end(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job())
    grow_old(db, 365 * DAY)
    end(worker, worker.claim()[0])
    assert prune(server)["pruned"] == 0
    grow_old(db, 7 * DAY)
    assert prune(server)["pruned"] == 1


def test_an_expired_job_is_as_old_as_its_expiry(db: Database) -> None:
    server = db.connect("server")
    enqueue(server, job(expires_at="2020-01-01T00:00:00Z"))
    grow_old(db, 365 * DAY)
    assert call(server, "select server_api.expire()")["expired"] == 1
    assert prune(server)["pruned"] == 0
    grow_old(db, 30 * DAY)
    assert prune(server)["pruned"] == 1


def test_a_walk_is_made_of_bounded_steps(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    jobs = enqueue(server, *[job() for _ in range(25)], job(delay=3600))
    worker.exchange(done=[done(item) for item in worker.claim(25)])
    grow_old(db, 8 * DAY)
    (young,) = enqueue(server, job())
    after, steps = 0, []
    while True:
        answer = prune(server, after=after, most=10)
        steps.append(answer["pruned"])
        after = answer["after"]
        if answer["done"]:
            break
    assert steps == [10, 10, 5]
    assert ids(db) == [jobs[-1], young]
    assert prune(server, most=100_000)["done"]


def test_a_walk_ends_at_the_first_young_job(db: Database) -> None:
    server = db.connect("server")
    enqueue(server, *[job() for _ in range(30)])
    grow_old(db, 8 * DAY)
    enqueue(server, *[job() for _ in range(30)])
    first = prune(server, most=20)
    assert (first["done"], first["pruned"]) == (False, 0)
    assert prune(server, after=first["after"], most=20)["done"]


def test_an_end_that_a_handler_has_not_had_keeps_the_job(db: Database) -> None:
    server, admin = db.connect("server"), db.connect("admin")
    admin.execute("insert into jobs.subscription (task, event, consumer) values ('echo', '*', 'handlers')")
    job_id = finished(db, "succeeded")
    grow_old(db, 8 * DAY)
    assert prune(server)["pruned"] == 0
    state, detail = refused(server, "select server_api.remove(%s, 'me', null)", job_id)
    assert (state, detail) == ("OWS01", {"status": "succeeded"})
    admin.execute("delete from jobs.outbox")
    assert prune(server)["pruned"] == 1


def test_a_shared_cause_goes_with_its_last_job(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    batch = [job(), job(), job(delay=3600)]
    call(
        server,
        "select server_api.enqueue_batch(%s, %s, null)",
        json.dumps(batch),
        json.dumps({"kind": "http", "actor": "a"}),
    )
    worker.exchange(done=[done(item) for item in worker.claim(2)])
    grow_old(db, 8 * DAY)
    assert prune(server)["pruned"] == 2
    assert left(db, "cause") == {"cause": 1}
    (waiting,) = ids(db)
    assert call(server, "select cause ->> 'actor' from server_api.job") == "a"
    call(server, "select server_api.cancel(%s, 'me', null)", waiting)
    grow_old(db, 31 * DAY)
    assert prune(server)["pruned"] == 1
    assert left(db, "cause") == {"cause": 0}


@pytest.mark.parametrize("verb", ["retry", "remove"])
def test_what_somebody_holds_is_skipped_and_not_waited_for(db: Database, verb: str) -> None:
    server, other = db.connect("server"), db.connect("server", autocommit=False)
    kept, gone = finished(db, "failed"), finished(db, "failed")
    grow_old(db, 31 * DAY)
    other.execute(f"select server_api.{verb}(%s, 'me', null)".encode(), [kept])
    server.execute("set lock_timeout = '1s'")
    assert prune(server)["pruned"] == 1
    other.rollback()
    assert ids(db) == [kept]
    assert prune(server)["pruned"] == 1
    assert gone not in ids(db)


def test_a_retry_beside_a_prune_wins_or_hears_that_the_job_is_gone(db: Database) -> None:
    """Whoever comes first; a job is never both retried and deleted."""
    server = db.connect("server")
    jobs = enqueue(server, *[job() for _ in range(300)])
    for job_id in jobs:
        call(server, "select server_api.cancel(%s, 'me', null)", job_id)
    grow_old(db, 31 * DAY)
    outcomes: dict[int, str | None] = {}
    both = threading.Barrier(2)

    def retries() -> None:
        conn = db.connect("server")
        both.wait()
        for job_id in reversed(jobs):
            try:
                call(conn, "select server_api.retry(%s, 'me', null)", job_id)
                outcomes[job_id] = None
            except psycopg.Error as error:
                outcomes[job_id] = error.sqlstate

    thread = threading.Thread(target=retries)
    thread.start()
    both.wait()
    after = 0
    while not (answer := prune(server, after=after, most=10))["done"]:
        after = answer["after"]
    thread.join()
    assert {i for i, state in outcomes.items() if state is None} == set(ids(db))
    assert set(outcomes.values()) <= {None, "OWN03"}
    assert set(outcomes.values()) == {None, "OWN03"}, "they did not meet: the test shows nothing"


def test_claims_and_enqueues_go_on_beside_an_open_prune(db: Database) -> None:
    finished(db, "succeeded")
    grow_old(db, 8 * DAY)
    pruning = db.connect("server", autocommit=False)
    assert prune(pruning)["pruned"] == 1
    server, worker = db.connect("server"), Session(db)
    server.execute("set lock_timeout = '1s'")
    worker.connection.execute("set lock_timeout = '1s'")
    enqueue(server, job())
    end(worker, worker.claim()[0])
    pruning.commit()
    assert prune(server)["pruned"] == 0


def test_a_step_that_does_not_commit_changes_nothing(db: Database) -> None:
    """The scheduler killed in the middle: its step is rolled back, the next walk starts at the beginning."""
    job_id = finished(db, "succeeded")
    grow_old(db, 8 * DAY)
    killed = db.connect("server", autocommit=False)
    assert prune(killed)["pruned"] == 1
    db.connect("admin").execute("select pg_terminate_backend(%s)", [killed.info.backend_pid])
    server = db.connect("server")
    assert status(server, job_id) == "succeeded"
    assert call(server, "select count(*) from server_api.attempt") == 1
    answers = [prune(server)["pruned"] for _ in range(50)]
    assert sum(answers) == 1, "as soon as the killed backend has let go"


def test_an_age_under_a_minute_is_refused(db: Database) -> None:
    server = db.connect("server")
    for age in (timedelta(seconds=59), timedelta(0), -DAY):
        assert refused(server, PRUNE, 0, 10, 7 * DAY, age, None, None)[0] == "OWV01"
    assert prune(server, succeeded=None, failed=None, cancelled=None, aborted=None)["done"]


def test_the_audit_is_pruned_after_its_age_and_only_there(db: Database) -> None:
    server, admin = db.connect("server"), db.connect("admin")
    server.execute("select server_api.record_audit('me', 'old', 'x', null, null)")
    admin.execute("set session_replication_role = replica")
    admin.execute("update jobs.audit set at = at - interval '366 days'")
    server.execute("select server_api.record_audit('me', 'new', 'x', null, null)")
    assert call(server, "select server_api.prune_audit('367 days')") == 0
    assert call(server, "select server_api.prune_audit('365 days')") == 1
    assert call(server, "select server_api.prune_audit('365 days')") == 0
    assert server.execute("select action from server_api.audit").fetchall() == [("new",), ("audit.prune",)]
    assert refused(server, "select server_api.prune_audit('29 days')")[0] == "OWV01"
    server.execute("begin")
    server.execute("select server_api.prune_audit('365 days')")
    assert not call(server, "select current_setting('onewriter.prunes_audit')"), "shut again behind it"
    server.execute("rollback")


def test_old_lines_of_the_audit_are_closed_to_everybody_else(db: Database) -> None:
    server, admin = db.connect("server"), db.connect("admin")
    server.execute("select server_api.record_audit('me', 'old', 'x', null, null)")
    with admin.transaction():
        admin.execute("set local session_replication_role = replica")
        admin.execute("update jobs.audit set at = at - interval '400 days'")
    for role in ("server", "worker", "producer", "dba", "janitor"):
        conn = db.connect(role)
        conn.execute("set onewriter.prunes_audit = 'on'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("delete from jobs.audit")
    admin.execute("set role onewriter_api")
    with pytest.raises(psycopg.Error, match="append-only"):
        admin.execute("delete from jobs.audit")
    admin.execute("set onewriter.prunes_audit = 'on'")
    for verb in ("update jobs.audit set actor = 'x'", "truncate jobs.audit"):
        with pytest.raises(psycopg.Error, match="append-only"):
            admin.execute(verb.encode())
    server.execute("select server_api.record_audit('me', 'new', 'x', null, null)")
    with pytest.raises(psycopg.Error, match="append-only"):
        admin.execute("delete from jobs.audit where action = 'new'")


@pytest.mark.parametrize("role", ["worker", "producer", "dba", "janitor"])
def test_only_the_server_prunes(db: Database, role: str) -> None:
    conn = db.connect(role)
    for query in (
        "select server_api.prune_jobs(0, 10, '7 days', null, null, null)",
        "select server_api.prune_audit('1 year')",
        "select server_api.forget_idempotency()",
        "select server_api.remove(1, 'me', null)",
        "select server_api.is_gone(1)",
        "select jobs.erase('{1}')",
        *(["select operator_api.remove(1, 'no')"] if role != "dba" else []),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(query.encode())


def test_a_finished_job_is_removed_by_hand_and_audited(db: Database) -> None:
    server = db.connect("server")
    job_id, other = finished(db, "succeeded"), finished(db, "failed")
    answer = call(server, "select server_api.remove(%s, 'me', 'wrong', 'r1')", job_id)
    assert answer == {"status": "gone", "wake": ["ow_job"]}
    assert call(db.connect("dba"), "select operator_api.remove(%s, 'mine too')", other) == "gone"
    assert call(server, "select count(*) from server_api.attempt") == 0
    audit = server.execute("select actor, action, target, reason, detail from server_api.audit order by id")
    said = {"task": "echo", "queue": "default", "status": "succeeded", "request_id": "r1"}
    assert audit.fetchall() == [
        ("me", "jobs.remove", f"job {job_id}", "wrong", said),
        (
            "onewriter_test_dba",
            "jobs.remove",
            f"job {other}",
            "mine too",
            {**said, "status": "failed", "request_id": None},
        ),
    ]


def test_only_a_finished_job_can_be_removed(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    running, ready, later = enqueue(server, job(priority=1), job(), job(delay=60))
    worker.claim()
    remove = "select server_api.remove(%s, 'me', null)"
    assert refused(server, remove, running) == ("OWS01", {"status": "running"})
    assert refused(server, remove, ready) == ("OWS01", {"status": "ready"})
    assert refused(server, remove, later) == ("OWS01", {"status": "scheduled"})
    assert left(db, "audit") == {"audit": 0}


def test_verbs_tell_what_is_gone_from_what_never_was(db: Database) -> None:
    server = db.connect("server")
    assert not call(server, "select server_api.is_gone(1)"), "before the first job"
    job_id = finished(db, "failed")
    assert not call(server, "select server_api.is_gone(%s)", job_id)
    call(server, "select server_api.remove(%s, 'me', null)", job_id)
    for verb in ("retry", "cancel", "remove"):
        query = f"select server_api.{verb}(%s, 'me', null)"
        assert refused(server, query, job_id) == ("OWN03", {"job_id": job_id})
        assert refused(server, query, job_id + 1) == ("OWN01", {"job_id": job_id + 1})
    assert refused(server, "select server_api.run_now(%s, 'me', 'x')", job_id)[0] == "OWN03"
    for never in (0, -1, 2**63 - 1):
        assert not call(server, "select server_api.is_gone(%s)", never)


def test_a_late_result_for_a_pruned_job_is_refused_and_kept_as_evidence(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job())
    (held,) = worker.claim()
    end(worker, held)
    grow_old(db, 8 * DAY)
    assert prune(server)["pruned"] == 1
    assert worker.exchange(done=[done(held)])["stale"] == [held["id"]]


def test_the_walk_reads_by_index_however_the_table_grows(db: Database) -> None:
    admin = db.connect("admin")
    admin.execute(
        "insert into procrastinate.procrastinate_jobs"
        " (queue_name, task_name, status, created_at, finished_at)"
        " select 'q', 'echo', 'succeeded', now() - interval '9 days', now() - interval '9 days'"
        " from generate_series(1, 20000)"
    )
    admin.execute(
        "insert into jobs.attempt (job_id, claim_no, attempt, status, finished_at)"
        " select id, 0, 1, 'retried', created_at from procrastinate.procrastinate_jobs"
    )
    seen: list[str] = []
    admin.add_notice_handler(lambda diagnostic: seen.append(diagnostic.message_primary or ""))
    admin.execute("load 'auto_explain'")
    admin.execute("set auto_explain.log_min_duration = 0")
    admin.execute("set auto_explain.log_nested_statements = on")
    admin.execute("set client_min_messages = log")
    for _ in range(2):
        admin.execute("select server_api.prune_jobs(0, 100, '7 days', '30 days', null, '30 days')")
        admin.execute("analyze")
    plans = "\n".join(text for text in seen if "plan:" in text)
    for table in ("procrastinate_jobs", "attempt", "job_event", "outbox", "cause", "job_detail"):
        assert f"on {table}" in plans, table
        assert f"Seq Scan on {table}" not in plans
    assert "Bitmap Heap Scan on procrastinate_jobs" not in plans
