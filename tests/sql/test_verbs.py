"""Cancel, retry, run-now, keys and the audit: from the API's login and from a DBA's psql."""

import json
from typing import Any

import psycopg
import pytest

from tests.support.cluster import Database
from tests.support.protocol import Session, done, enqueue, job, status

pytestmark = pytest.mark.pg15(soak=True)


def call(connection: psycopg.Connection[Any], query: str, *params: Any) -> Any:
    row = connection.execute(query.encode(), params).fetchone()
    assert row is not None
    return row[0]


def refused(connection: psycopg.Connection[Any], query: str, *params: Any) -> tuple[str | None, Any]:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(query.encode(), params)
    return caught.value.sqlstate, json.loads(caught.value.diag.message_detail or "null")


def test_cancel_ends_a_waiting_job_and_asks_a_running_one(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    running, waiting = enqueue(server, job(priority=1), job())
    (held,) = worker.claim()
    listener = db.connect("admin")
    listener.execute(f"listen ow_w_{worker.id}".encode())
    assert call(server, "select server_api.cancel(%s, 'me', 'why')", waiting)["status"] == "cancelled"
    dba = db.connect("dba")
    assert call(dba, "select operator_api.cancel(%s, 'stop it')", running) == "abort_requested"
    assert [n.channel for n in listener.notifies(timeout=5, stop_after=1)] == [f"ow_w_{worker.id}"]
    assert worker.exchange()["abort"] == [running]
    worker.exchange(done=[done(held, how="aborted")])
    assert (status(server, running), status(server, waiting)) == ("aborted", "cancelled")
    assert refused(server, "select server_api.cancel(%s, 'me', null)", running) == (
        "OWS01",
        {"status": "aborted"},
    )
    assert refused(server, "select server_api.cancel(99, 'me', null)") == ("OWN01", {"job_id": 99})
    events = server.execute(
        "select job_id, type, actor, reason from server_api.history where id like 'e%' order by id"
    ).fetchall()
    assert events == [
        (waiting, "cancelled", "me", "why"),
        (running, "abort_requested", "onewriter_test_dba", "stop it"),
    ]


def test_an_abort_asked_twice_is_recorded_once(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job())
    worker.claim()
    for _ in range(2):
        call(server, "select server_api.cancel(%s, 'me', null)", job_id)
    assert server.execute(
        "select count(*) from server_api.history where type = 'abort_requested'"
    ).fetchone() == (1,)


def test_retry_allows_one_more_run_under_the_same_id(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job(max_attempts=1))
    worker.exchange(done=[done(item, how="failed", error="boom", reason="error") for item in worker.claim()])
    row = server.execute("select status, reason, error, attempts from server_api.job").fetchone()
    assert row == ("failed", "error", "boom", 1)
    assert call(db.connect("dba"), "select operator_api.retry(%s, 'fixed')", job_id) == "ready"
    row = server.execute("select status, reason, error, max_attempts from server_api.job").fetchone()
    assert row == ("ready", None, None, 2)
    worker.exchange(done=[done(item) for item in worker.claim()])
    assert refused(server, "select server_api.retry(%s, 'me', null)", job_id)[0] == "OWS01"


def test_run_now_makes_a_scheduled_job_due(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job(delay=3600))
    answer = call(server, "select server_api.run_now(%s, 'me', 'customer call')", job_id)
    assert (answer["job_id"], answer["created"]) == (job_id, False) and "ow_any" in answer["wake"]
    assert [item["id"] for item in worker.claim()] == [job_id]
    assert refused(server, "select server_api.run_now(%s, 'me', 'x')", job_id) == (
        "OWS01",
        {"status": "running"},
    )


def test_run_now_of_a_finished_job_is_a_new_job_whose_cause_is_the_old_one(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (old,) = enqueue(server, job(args={"a": None}, key="acme", timeout=3))
    worker.exchange(done=[done(item) for item in worker.claim()])
    new = call(db.connect("dba"), "select operator_api.run_now(%s, 'again')", old)
    assert new != old
    row = server.execute(
        "select args, key, timeout, cause from server_api.job where id = %s", [new]
    ).fetchone()
    cause = {"kind": "operator", "actor": "onewriter_test_dba", "ref": f"job {old}", "reason": "again"}
    assert row == ({"a": None}, "acme", 3.0, cause)
    audit = server.execute(
        "select actor, login, action, target, reason, detail from server_api.audit"
    ).fetchall()
    dba = "onewriter_test_dba"
    assert audit == [(dba, dba, "jobs.run_now", f"job {old}", "again", {"job_id": new, "request_id": None})]


@pytest.mark.parametrize("reason", ["null", "''", "'  '"])
def test_run_now_needs_a_reason(db: Database, reason: str) -> None:
    server = db.connect("server")
    (job_id,) = enqueue(server, job(delay=3600))
    state, detail = refused(server, f"select server_api.run_now(%s, 'me', {reason})", job_id)
    assert (state, detail["field"]) == ("OWV01", "reason")


def test_keys_are_stored_by_hash_and_revoked_at_once(db: Database) -> None:
    server = db.connect("server")
    create = "select server_api.create_key(%s, %s, 'ow_abc', %s, null, null, null, 'me')"
    call(server, create, "ci", "h1", ["jobs:read"])
    assert refused(server, create, "ci", "h2", ["jobs:read"]) == ("OWK01", {"key": "ci"})
    assert refused(server, create, "x", "h3", ["root"])[1]["field"] == "scopes"
    assert refused(server, create, "", "h3", ["admin"])[1]["field"] == "name"
    server.execute("select server_api.revoke_key('ci', 'me')")
    assert refused(server, "select server_api.revoke_key('ci', 'me')") == ("OWN02", {"key": "ci"})
    assert server.execute("select revoked_at is not null, revoked_by from server_api.api_key").fetchall() == [
        (True, "me")
    ]
    assert server.execute("select action from server_api.audit order by id").fetchall() == [
        ("keys.create",),
        ("keys.revoke",),
    ]


@pytest.mark.parametrize(
    "verb", ["update jobs.audit set actor = 'x'", "delete from jobs.audit", "truncate jobs.audit"]
)
def test_nobody_changes_the_audit_not_even_its_owner(db: Database, verb: str) -> None:
    server = db.connect("server")
    server.execute("select server_api.record_audit('me', 'test', 'x', null, null)")
    admin = db.connect("admin")
    admin.execute("set role onewriter_api")
    with pytest.raises(psycopg.Error, match="append-only"):
        admin.execute(verb.encode())
    assert server.execute("select count(*) from server_api.audit").fetchone() == (1,)


def test_a_dba_sees_no_argument_and_no_result(db: Database) -> None:
    server, worker, dba = db.connect("server"), Session(db), db.connect("dba")
    enqueue(server, job(args={"card": "4111", "deep": {"pin": 1}, "list": [1]}))
    worker.exchange(done=[done(item, {"token": "s3cret"}) for item in worker.claim()])
    assert dba.execute("select args from inspect.jobs").fetchone() == (
        {"card": "string", "deep": "object", "list": "array"},
    )
    assert dba.execute("select result from inspect.attempts").fetchone() == ({"token": "string"},)
    for forbidden in (
        "select args from procrastinate_jobs",
        "select * from procrastinate_jobs",
        "select * from jobs.attempt",
        "select * from jobs.run",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            dba.execute(forbidden.encode())
    assert dba.execute("select status from procrastinate_jobs").fetchone() == ("succeeded",)


def test_election_has_one_leader_until_its_connection_ends(db: Database) -> None:
    one, two = db.connect("server"), db.connect("server")
    assert call(one, "select server_api.elect('rescue')") and call(one, "select server_api.elect('rescue')")
    assert not call(two, "select server_api.elect('rescue')")
    assert call(two, "select server_api.elect('expiry')")
    one.close()
    assert any(call(two, "select server_api.elect('rescue')") for _ in range(1000))
