"""Jobs come in by the group commit, in batches, from plain SQL and from Procrastinate's own .defer()."""

import json
from typing import Any

import procrastinate
import psycopg
import pytest

from tests.support.cluster import Database
from tests.support.protocol import Session, done, enqueue, job, status

pytestmark = pytest.mark.pg15(soak=True)

CATALOGUE = {
    "catalogue": 1,
    "tasks": [
        {
            "name": "reports.monthly",
            "queue": "reports",
            "priority": 3,
            "schema": {},
            "timeout": 60,
            "max_attempts": 4,
        },
    ],
}


def publish(server: psycopg.Connection[Any], catalogue: Any = None, source: str = "tests") -> dict[str, Any]:
    row = server.execute(
        "select server_api.publish_tasks(%s, %s, 'me')", [source, json.dumps(catalogue or CATALOGUE)]
    ).fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer


def many(server: psycopg.Connection[Any], *jobs: dict[str, Any]) -> dict[str, Any]:
    row = server.execute("select server_api.enqueue_many(%s)", [json.dumps(jobs)]).fetchone()
    assert row is not None
    answer: dict[str, Any] = json.loads(row[0])
    return answer


def test_every_field_arrives(db: Database) -> None:
    server = db.connect("server")
    (job_id,) = enqueue(server, job(
        task="t", queue="q", args={"a": [1, None]}, priority=-4, lock="L", queueing_lock="Q", key="acme",
        run_at="2999-01-01T00:00:00Z", expires_at="2999-02-01T00:00:00Z", timeout=2.5, max_attempts=7,
        actor="acme", request_id="r1",
    ))  # fmt: skip
    row = server.execute(
        "select task, queue, args, priority, lock, queueing_lock, key, status, run_at::date::text,"
        " expires_at::date::text, timeout, max_attempts, cause from server_api.job where id = %s", [job_id],
    ).fetchone()  # fmt: skip
    assert row == (
        "t",
        "q",
        {"a": [1, None]},
        -4,
        "L",
        "Q",
        "acme",
        "scheduled",
        "2999-01-01",
        "2999-02-01",
        2.5,
        7,
        {"kind": "http", "actor": "acme", "request_id": "r1"},
    )
    assert server.execute("select name from server_api.queue").fetchall() == [("q",)]


def test_a_batch_shares_its_cause(db: Database) -> None:
    server = db.connect("server")
    cause = {"kind": "http", "actor": "acme", "request_id": "r1", "ref": "x", "reason": "why"}
    batch = json.dumps([job(), job(queueing_lock="Q")])
    server.execute("select server_api.enqueue_batch(%s, %s, null)", [batch, json.dumps(cause)])
    assert server.execute("select cause from server_api.job").fetchall() == [(cause,), (cause,)]
    assert db.connect("admin").execute("select count(*) from jobs.cause").fetchone() == (1,)


def test_ids_follow_the_order_of_the_call_whatever_each_job_needs(db: Database) -> None:
    server = db.connect("server")
    needs: list[dict[str, Any]] = [
        {},
        {"key": "k"},
        {},
        {"queueing_lock": "Q", "queue": "second"},
        {"queue": "third"},
    ]
    ids = enqueue(server, *[job(args={"n": n}, **need) for n, need in enumerate(needs)])
    assert ids == sorted(ids)
    found = server.execute(
        "select id, (args ->> 'n')::integer, key from server_api.job order by id"
    ).fetchall()
    assert found == [(ids[n], n, "k" if n == 1 else None) for n in range(5)]
    assert {name for (name,) in server.execute("select name from server_api.queue")} == {
        "default", "second", "third"}  # fmt: skip


def test_a_conflict_keeps_out_one_job_and_names_the_other(db: Database) -> None:
    server = db.connect("server")
    (first,) = enqueue(server, job(queueing_lock="Q"))
    answer = many(server, job(), job(queueing_lock="Q"), job())
    assert answer["ids"][1] is None and None not in (answer["ids"][0], answer["ids"][2])
    assert answer["conflicts"] == {"1": first} and answer["replays"] == {}


def test_an_idempotency_key_is_answered_again_whatever_the_body(db: Database) -> None:
    server = db.connect("server")
    given = {"api_key": 1, "key": "k", "hash": "abc", "answer": {"status": "ready"}}
    (job_id,) = many(server, job(idempotency=given))["ids"]
    again = many(
        server, job(idempotency={**given, "hash": "other"}), job(idempotency={**given, "api_key": 2})
    )
    assert again["replays"] == {"0": {"ids": [job_id], "hash": "abc", "answer": {"status": "ready"}}}
    assert again["ids"][0] is None and again["ids"][1] not in (None, job_id)


def test_one_key_twice_in_one_flush_makes_one_job(db: Database) -> None:
    server = db.connect("server")
    given = {"api_key": 1, "key": "k", "hash": "abc", "answer": None}
    answer = many(server, job(idempotency=given), job(idempotency=given))
    made = [i for i in answer["ids"] if i is not None]
    assert len(made) == 1 and [r["ids"] for r in answer["replays"].values()] == [made]


def test_a_refused_job_leaves_its_idempotency_key_free(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    enqueue(server, job(queueing_lock="Q"))
    given = {"api_key": 1, "key": "k", "hash": "abc", "answer": None}
    wanted = job(queueing_lock="Q", idempotency=given)
    assert list(many(server, wanted)["conflicts"]) == ["0"]
    worker.claim()
    assert many(server, wanted)["ids"] != [None]


def test_an_old_key_is_forgotten(db: Database) -> None:
    server = db.connect("server")
    given = {"api_key": 1, "key": "k", "hash": "abc", "answer": None}
    (first,) = many(server, job(idempotency=given))["ids"]
    db.connect("admin").execute("update jobs.idempotency set created_at = now() - interval '25 hours'")
    assert many(server, job(idempotency=given))["ids"] not in ([first], [None])
    db.connect("admin").execute("update jobs.idempotency set created_at = now() - interval '25 hours'")
    assert server.execute("select server_api.forget_idempotency()").fetchone() == (1,)


def test_a_batch_is_all_or_nothing(db: Database) -> None:
    server = db.connect("server")
    (taken,) = enqueue(server, job(queueing_lock="Q"))
    batch = json.dumps([job(), job(queueing_lock="Q")])
    with pytest.raises(psycopg.Error) as caught:
        server.execute("select server_api.enqueue_batch(%s, null, null)", [batch])
    assert caught.value.sqlstate == "OWQ01"
    assert json.loads(caught.value.diag.message_detail or "") == {"index": 1, "job_id": taken}
    assert server.execute("select count(*) from server_api.job").fetchone() == (1,)


def test_a_batch_under_an_idempotency_key_is_replayed(db: Database) -> None:
    server = db.connect("server")
    params = [
        json.dumps([job(), job()]),
        '{"kind": "http"}',
        '{"api_key": 1, "key": "k", "hash": "h", "answer": {"n": 2}}',
    ]
    first = server.execute("select server_api.enqueue_batch(%s, %s, %s)", params).fetchone()
    again = server.execute("select server_api.enqueue_batch(%s, %s, %s)", params).fetchone()
    assert first is not None and again is not None
    replay = json.loads(again[0])["replay"]
    assert replay == {"ids": json.loads(first[0])["ids"], "hash": "h", "answer": {"n": 2}}
    assert server.execute("select count(*) from server_api.job").fetchone() == (2,)


def test_a_bad_item_fails_the_call_and_leaves_nothing(db: Database) -> None:
    server = db.connect("server")
    for bad in (
        job(priority="x"),
        job(queue="q" * 129),
        job(run_at="yesterday-ish"),
        job(timeout=-1),
        job(task=None),
    ):
        with pytest.raises((psycopg.errors.DataError, psycopg.errors.IntegrityError)):
            many(server, job(), bad)
    assert server.execute("select count(*) from server_api.job").fetchone() == (0,)


def test_plain_sql_in_the_producers_own_transaction(db: Database) -> None:
    server = db.connect("server")
    publish(server)
    producer = db.connect("producer", autocommit=False)
    listener = db.connect("admin")
    listener.execute("listen ow_any")
    row = producer.execute(
        "select server_api.enqueue('reports.monthly', '{\"month\": \"2026-10\"}',"
        " max_attempts => 9, reason => 'test')"
    ).fetchone()
    assert row is not None
    assert server.execute("select count(*) from server_api.job").fetchone() == (0,)
    producer.commit()
    assert [n.channel for n in listener.notifies(timeout=5, stop_after=1)] == ["ow_any"]
    made = server.execute(
        "select queue, priority, timeout, max_attempts, cause from server_api.job where id = %s", [row[0]]
    ).fetchone()
    assert made == (
        "reports",
        3,
        60,
        4,
        {"kind": "sql", "actor": "onewriter_test_producer", "reason": "test"},
    )


@pytest.mark.parametrize(
    ("call", "state"),
    [
        ("server_api.enqueue('nobody')", "OWU01"),
        ("server_api.enqueue('reports.monthly', '[1]')", "OWV01"),
        ("server_api.enqueue('reports.monthly', jsonb_build_object('x', repeat('y', 70000)))", "OWV01"),
        ("server_api.enqueue_many('[]')", "42501"),
    ],
)
def test_what_a_producer_is_refused(db: Database, call: str, state: str) -> None:
    publish(db.connect("server"))
    with pytest.raises(psycopg.Error) as caught:
        db.connect("producer").execute(f"select {call}".encode())
    assert caught.value.sqlstate == state


def test_procrastinates_own_defer_as_a_producer(db: Database) -> None:
    app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=db.dsn("producer")))
    server, worker = db.connect("server"), Session(db)

    @app.task(name="reports.monthly", queue="reports")
    def monthly(month: str) -> None: ...

    with app.open():
        first = monthly.configure(queueing_lock="Q", lock="L").defer(month="2026-10")
        second = monthly.configure(schedule_in={"hours": 1}).defer(month="2026-11")
        with pytest.raises(procrastinate.exceptions.AlreadyEnqueued):
            monthly.configure(queueing_lock="Q").defer(month="2026-12")
    (held,) = worker.claim(5)
    assert (held["id"], held["args"], held["lock"]) == (first, {"month": "2026-10"}, "L")
    assert status(server, second) == "scheduled"


def test_publishing_replaces_one_sources_tasks_only(db: Database) -> None:
    server = db.connect("server")
    assert publish(server) == {"added": ["reports.monthly"], "changed": [], "removed": [], "unchanged": 0}
    assert publish(server) == {"added": [], "changed": [], "removed": [], "unchanged": 1}
    other = {"catalogue": 1, "tasks": [{"name": "mail.send", "queue": "mail"}]}
    assert publish(server, other, "mail")["added"] == ["mail.send"]
    changed = {"catalogue": 1, "tasks": [{**CATALOGUE["tasks"][0], "priority": 4}]}  # type: ignore[index, dict-item]
    assert publish(server, changed)["changed"] == ["reports.monthly"]
    with pytest.raises(psycopg.Error) as caught:
        publish(server, other, "somebody else")
    assert caught.value.sqlstate == "OWK01"
    assert publish(server, {"catalogue": 1, "tasks": []})["removed"] == ["reports.monthly"]
    assert server.execute("select name from server_api.task").fetchall() == [("mail.send",)]


def test_events_and_procrastinates_own_views_tell_the_story(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (job_id,) = enqueue(server, job())
    (held,) = worker.claim()
    worker.exchange(done=[done(held)])
    ours = server.execute(
        "select id, type from server_api.history where job_id = %s order by at, id", [job_id]
    ).fetchall()
    assert ours == [("0", "created"), ("1s", "started"), ("1f", "succeeded")]
    dba = db.connect("dba")
    theirs = dba.execute("select type from procrastinate_events order by id").fetchall()
    assert theirs == [("deferred",), ("started",), ("succeeded",)]
    assert dba.execute("select count(*) from procrastinate_workers").fetchone() == (1,)
