"""The registry of workers: what it takes, how a status changes, and that no status decides a claim."""

from __future__ import annotations

import itertools
import json
from typing import Any, Self

import psycopg
import pytest

from tests.support.cluster import LOGINS, Database, login_name
from tests.support.protocol import Session, done, enqueue, expire_lease, job, rescue

pytestmark = pytest.mark.pg15(soak=True)

CALLS = {
    "register_worker": "('h', 'n', null, null, null, null, null, 'me')",
    "heartbeat_worker": "(1)",
    "set_worker_status": "(1, 'active', 'me', null)",
    "drain_worker": "(1, 'me', null)",
    "resume_worker": "(1, 'me', null)",
    "remove_worker": "(1, 'me', null)",
    "activate_workers": "('me')",
    "retire_workers": "('me', '30 s')",
    "reactivate_workers": "('me')",
    "prune_workers": "('30 d')",
}
ALLOWED = {
    ("pending", "active"),
    ("pending", "offline"),
    ("active", "offline"),
    ("offline", "active"),
}
STATUSES = ("pending", "active", "offline")


def call(conn: psycopg.Connection[Any], query: str, *params: Any) -> Any:
    row = conn.execute(query.encode(), params).fetchone()
    assert row is not None
    return row[0]


def register(server: psycopg.Connection[Any], host: str = "h", name: str = "n", **fields: Any) -> int:
    given = [fields.get(f) for f in ("region", "capacity", "queues", "versions", "login")]
    query = "select server_api.register_worker(%s, %s, %s, %s, %s, %s, %s, 'me')"
    return int(call(server, query, host, name, *given))


def state(server: psycopg.Connection[Any], worker: int) -> str:
    return str(call(server, "select status from server_api.worker where id = %s", worker))


def checks(server: psycopg.Connection[Any], after: str = "30 s") -> list[list[str]]:
    """Who was moved by each of the three, in the order in which the scheduler knows them."""
    return [
        call(server, "select server_api.activate_workers('test')")["moved"],
        call(server, "select server_api.retire_workers('test', %s)", after)["moved"],
        call(server, "select server_api.reactivate_workers('test')")["moved"],
    ]


def age(db: Database, worker: int, seconds: int) -> None:
    """As if everything that was heard of it lay so far back."""
    admin = db.connect("admin")
    past = f"interval '{seconds} s'"
    admin.execute(
        f"update jobs.worker set changed_at = changed_at - {past},"
        f" last_heartbeat_at = last_heartbeat_at - {past}"
        " where id = %s".encode(),
        [worker],
    )
    admin.execute(
        f"update jobs.session set last_seen_at = last_seen_at - {past}, expires_at = expires_at - {past}"
        " where worker_id = %s".encode(),
        [worker],
    )


def worker_of(server: psycopg.Connection[Any], session: Session) -> int:
    return int(call(server, "select worker_id from server_api.session where id = %s", session.id))


class refused:  # noqa: N801 (reads as a statement)
    """`with refused('OWW01') as error`: the statement fails with it; its DETAIL is `error.detail`."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate
        self.detail: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        assert isinstance(error, psycopg.Error), f"not refused with {self.sqlstate}"
        assert error.sqlstate == self.sqlstate, error
        self.detail = json.loads(error.diag.message_detail or "{}")
        return True


def test_only_the_servers_login_calls_any_of_it(db: Database) -> None:
    calls = [f"select server_api.{name}{arguments}" for name, arguments in CALLS.items()]
    views = ("worker", "worker_heartbeat", "worker_transition", "worker_job")
    for role in set(LOGINS) - {"server"}:
        conn = db.connect(role)
        for query in (*calls, *(f"select * from server_api.{view}" for view in views)):
            with refused("42501"):
                conn.execute(query.encode())


def test_a_registered_worker_is_pending_and_shown(db: Database) -> None:
    server = db.connect("server")
    worker = register(
        server, "box", "a", region="eu", capacity=4, queues=["q"], versions='{"tasks": "7"}', login="l"
    )
    row = server.execute(
        "select name, host, region, capacity, queues, versions, login, status, draining_since,"
        " last_heartbeat_at, sessions, running from server_api.worker where id = %s",
        [worker],
    ).fetchone()
    assert row == ("box/a", "box", "eu", 4, ["q"], {"tasks": "7"}, "l", "pending", None, None, 0, 0)


BAD: list[tuple[str, dict[str, Any]]] = [
    ("name", {"name": "x" * 128}),
    ("region", {"region": ""}),
    ("capacity", {"capacity": 0}),
    ("capacity", {"capacity": 100_001}),
    ("queues", {"queues": []}),
    ("queues", {"queues": ["q", None]}),
    ("queues", {"queues": ["q" * 129]}),
    ("versions", {"versions": "[]"}),
    ("versions", {"versions": '{"tasks": 7}'}),
    ("versions", {"versions": json.dumps({f"v{n}": "" for n in range(21)})}),
    ("login", {"login": "l" * 64}),
]


def test_what_a_worker_cannot_be_is_named(db: Database) -> None:
    server = db.connect("server")
    for field, values in BAD:
        with refused("OWW01") as error:
            register(server, **values)
        assert error.detail["field"] == field, values
    assert call(server, "select count(*) from server_api.worker") == 0


def test_a_taken_name_says_whose_it_is(db: Database) -> None:
    server = db.connect("server")
    first = register(server)
    with refused("OWK02") as error:
        register(server)
    assert error.detail == {"worker_id": first}


def test_unknown_workers_are_not_found(db: Database) -> None:
    server = db.connect("server")
    for name in ("heartbeat_worker", "set_worker_status", "drain_worker", "resume_worker", "remove_worker"):
        with refused("OWN04") as error:
            server.execute(f"select server_api.{name}{CALLS[name]}".encode())
        assert error.detail == {"worker_id": 1}


def test_by_hand_a_status_changes_only_as_the_machine_allows(db: Database) -> None:
    server, admin = db.connect("server"), db.connect("admin")
    worker = register(server)
    query = "select server_api.set_worker_status(%s, %s, 'me', 'why')"
    for before, after in itertools.product(STATUSES, (*STATUSES, "draining", "", None)):
        admin.execute("update jobs.worker set status = %s::jobs.worker_status", [before])
        admin.execute("delete from jobs.worker_transition")
        if (before, after) in ALLOWED:
            server.execute(query, [worker, after])
            assert state(server, worker) == after
            history = "select from_status, to_status, actor, reason from server_api.worker_transition"
            assert server.execute(history).fetchall() == [(before, after, "me", "why")]
        else:
            with refused("OWW02") as error:
                server.execute(query, [worker, after])
            assert error.detail["worker_status"] == before
            assert set(error.detail["allowed"]) == {to for fro, to in ALLOWED if fro == before}
            assert state(server, worker) == before


def test_every_change_by_hand_stands_in_the_audit(db: Database) -> None:
    server = db.connect("server")
    worker = register(server)
    for verb in ("set_worker_status(%s, 'active', 'me', 'r')", "drain_worker(%s, 'me', 'r')",
                 "resume_worker(%s, 'me', 'r')", "remove_worker(%s, 'me', 'r')"):  # fmt: skip
        server.execute(f"select server_api.{verb}".encode(), [worker])
    rows = server.execute("select action, target, actor, reason from server_api.audit order by id").fetchall()
    actions = ["register", "status", "drain", "resume", "remove"]
    assert rows == [
        (f"workers.{action}", "h/n", "me", None if action == "register" else "r") for action in actions
    ]


def test_the_three_transitions_and_nothing_else_follow_heartbeats(db: Database) -> None:
    server = db.connect("server")
    worker = register(server)
    assert checks(server) == [[], [], []]
    server.execute("select server_api.heartbeat_worker(%s)", [worker])
    assert state(server, worker) == "pending", "a heartbeat alone changes nothing"
    assert checks(server) == [["h/n"], [], []]
    age(db, worker, 29)
    assert checks(server) == [[], [], []]
    age(db, worker, 2)
    assert checks(server) == [[], ["h/n"], []]
    assert checks(server) == [[], [], []]
    server.execute("select server_api.heartbeat_worker(%s)", [worker])
    assert state(server, worker) == "offline"
    assert checks(server) == [[], [], ["h/n"]]
    moves = "select from_status, to_status, actor from server_api.worker_transition order by id"
    assert server.execute(moves).fetchall() == [
        ("pending", "active", "test"), ("active", "offline", "test"), ("offline", "active", "test"),
    ]  # fmt: skip


def test_a_check_may_be_of_one_worker(db: Database) -> None:
    server = db.connect("server")
    one, other = register(server, "one"), register(server, "other")
    for worker in (one, other):
        server.execute("select server_api.heartbeat_worker(%s)", [worker])
    assert call(server, "select server_api.activate_workers('me', %s)", one)["moved"] == ["one/n"]
    checks(server)
    assert call(server, "select server_api.retire_workers('me', '1 us', %s)", one)["moved"] == ["one/n"]
    server.execute("select server_api.set_worker_status(%s, 'offline', 'me', null)", [other])
    for worker in (one, other):
        server.execute("select server_api.heartbeat_worker(%s)", [worker])
    assert call(server, "select server_api.reactivate_workers('me', %s)", one)["moved"] == ["one/n"]


def test_checks_say_when_they_can_next_find_something(db: Database) -> None:
    server = db.connect("server")
    activate = "select server_api.activate_workers('me')"
    retire = "select server_api.retire_workers('me', '30 s')"
    reactivate = "select server_api.reactivate_workers('me')"
    assert [call(server, query)["next"] for query in (activate, retire, reactivate)] == [None] * 3
    worker = register(server)
    assert [call(server, query)["next"] for query in (activate, retire, reactivate)] == [None] * 3
    server.execute("select server_api.heartbeat_worker(%s)", [worker])
    call(server, activate)
    age(db, worker, 10)
    assert 18 < call(server, retire)["next"] <= 20
    age(db, worker, 30)
    assert call(server, retire)["next"] is None
    assert call(server, reactivate)["next"] is None, "a heartbeat would signal"
    Session(db)
    age(db, worker, 60)
    assert call(server, reactivate)["next"] is None


def test_retiring_takes_a_positive_time(db: Database) -> None:
    for after in ("0 s", "-1 s", None):
        with refused("OWV01"):
            db.connect("server").execute("select server_api.retire_workers('me', %s)", [after])


def test_news_for_the_checks_is_signalled(db: Database) -> None:
    server, listener, admin = db.connect("server"), db.connect("server"), db.connect("admin")
    worker = register(server)
    listener.execute("listen ow_sched")
    for status in STATUSES:
        admin.execute("update jobs.worker set status = %s::jobs.worker_status", [status])
        server.execute("select server_api.heartbeat_worker(%s)", [worker])
        heard = [notify.channel for notify in listener.notifies(timeout=0.2, stop_after=1)]
        assert heard == ([] if status == "active" else ["ow_sched"])


def test_a_change_of_status_is_an_event(db: Database) -> None:
    server, listener = db.connect("server"), db.connect("server")
    worker = register(server)
    listener.execute("listen ow_workers")
    server.execute("select server_api.set_worker_status(%s, 'active', 'me', null)", [worker])
    assert [notify.channel for notify in listener.notifies(timeout=5, stop_after=1)] == ["ow_workers"]


def test_a_hundred_heartbeats_are_kept(db: Database) -> None:
    server = db.connect("server")
    worker, other = register(server), register(server, "other")
    server.execute("select server_api.heartbeat_worker(%s)", [other])
    server.execute("select server_api.heartbeat_worker(%s) from generate_series(1, 103)", [worker])
    count = "select count(*), count(distinct at) from server_api.worker_heartbeat where worker_id = %s"
    assert server.execute(count, [worker]).fetchone() == (100, 100)
    assert server.execute(count, [other]).fetchone() == (1, 1)


def test_a_thousand_changes_of_status_are_kept(db: Database) -> None:
    server = db.connect("server")
    worker = register(server)
    server.execute(
        "select server_api.set_worker_status("
        "%s, case n %% 2 when 0 then 'offline' else 'active' end, 'me', null)"
        " from generate_series(1, 1003) as n",
        [worker],
    )
    assert call(server, "select count(*) from server_api.worker_transition") == 1000


# --- sessions ------------------------------------------------------------------------------------------


def test_a_session_registers_its_worker_and_is_its_heartbeat(db: Database) -> None:
    server, session = db.connect("server"), Session(db, queues=["b", "a", "a"])
    worker = worker_of(server, session)
    row = server.execute(
        "select w.name, w.queues, w.login, status, sessions, last_heartbeat_at = s.last_seen_at"
        " from server_api.worker as w, server_api.session as s where w.id = %s",
        [worker],
    ).fetchone()
    assert row == ("tests/worker", ["a", "b"], login_name("worker"), "pending", 1, True)
    assert checks(server)[0] == ["tests/worker"]
    assert server.execute("select session from server_api.worker_heartbeat").fetchall() == [(session.id,)]
    checks(server)
    assert call(server, "select count(*) from server_api.worker_heartbeat") == 1, "nothing new, no sample"


def test_what_a_worker_says_of_itself_is_taken_where_it_makes_sense(db: Database) -> None:
    server, worker = db.connect("server"), db.connect("worker")
    shown = "select region, capacity, versions from server_api.worker"
    opens = "select worker_api.open(null, 'h/n', 15, %s)"
    worker.execute(opens, [json.dumps({"region": "eu", "concurrency": 3, "versions": {"tasks": "1"}})])
    assert server.execute(shown).fetchone() == ("eu", 3, {"tasks": "1"})
    for odd in ("[]", "7", '{"concurrency": 1e30, "versions": 7}', '{"concurrency": "x"}', None):
        worker.execute(opens, [odd])
    assert server.execute(shown).fetchone() == ("eu", None, {})
    with refused("OWW01") as error:
        worker.execute(opens, ['{"versions": {"a": 1}}'])
    assert error.detail["field"] == "versions"


def test_another_login_may_not_take_the_name(db: Database) -> None:
    server, thief = db.connect("server"), db.connect("worker2")
    Session(db)
    with refused("OWR01"):
        thief.execute("select worker_api.open(null, 'tests/worker')")
    register(server, "box", "a", login=login_name("worker"))
    with refused("OWR01"):
        thief.execute("select worker_api.open(null, 'box/a')")
    assert call(server, "select count(*) from server_api.session") == 1
    register(server, "box", "b")
    thief.execute("select worker_api.open(null, 'box/b')")
    with refused("OWR01"):
        db.connect("worker").execute("select worker_api.open(null, 'box/b')")


def test_the_name_of_a_login_that_is_gone_is_free(db: Database) -> None:
    register(db.connect("server"), "box", "a", login="nobody_has_this_login")
    db.connect("worker").execute("select worker_api.open(null, 'box/a')")
    assert call(db.connect("server"), "select login from server_api.worker") == login_name("worker")


def test_no_status_decides_a_claim(db: Database) -> None:
    server, session, admin = db.connect("server"), Session(db), db.connect("admin")
    for status in STATUSES:
        admin.execute("update jobs.worker set status = %s::jobs.worker_status", [status])
        enqueue(server, job())
        assert len(session.claim()) == 1, status


def test_a_lease_is_not_stale_before_it_ends(db: Database) -> None:
    server, session = db.connect("server"), Session(db, lease=120)
    worker = worker_of(server, session)
    checks(server)
    age(db, worker, 100)
    assert checks(server)[1] == []
    age(db, worker, 30)
    assert checks(server)[1] == ["tests/worker"]


def test_a_lost_worker_goes_offline_and_a_new_session_brings_it_back(db: Database) -> None:
    server, session = db.connect("server"), Session(db)
    worker = worker_of(server, session)
    checks(server)
    expire_lease(db, session)
    rescue(server)
    age(db, worker, 31)
    assert checks(server)[1] == ["tests/worker"]
    assert worker_of(server, Session(db)) == worker
    assert checks(server)[2] == ["tests/worker"]


def test_an_offline_worker_whose_session_comes_back_is_watched(db: Database) -> None:
    server, session = db.connect("server"), Session(db)
    worker = worker_of(server, session)
    checks(server)
    age(db, worker, 31)
    assert checks(server)[1] == ["tests/worker"]
    answer = call(server, "select server_api.reactivate_workers('me')")
    assert answer == {"moved": [], "next": 0}
    session.exchange()
    assert checks(server)[2] == ["tests/worker"]


def test_a_worker_that_opens_and_does_not_commit_stops_no_check(db: Database) -> None:
    """The scheduler's loops share one connection: rescue must not wait behind it."""
    server, mean = db.connect("server"), db.connect("worker", autocommit=False)
    Session(db)
    Session(db, "worker2")
    server.execute("set lock_timeout = '100ms'")
    mean.execute("select worker_api.open(null, 'tests/worker')")
    assert checks(server)[0] == ["tests/worker2"]
    age_of = db.connect("admin")
    mean.rollback()
    assert checks(server)[0] == ["tests/worker"]
    age_of.execute("update jobs.worker set last_heartbeat_at = null, changed_at = now() - interval '1 h'")
    age_of.execute(
        "update jobs.session set last_seen_at = now() - interval '1 h', expires_at = now() - interval '1 h'"
    )
    mean.execute("select worker_api.open(null, 'tests/worker')")
    assert checks(server)[1] == ["tests/worker2"]


# --- drain -------------------------------------------------------------------------------------------------


def drain(server: psycopg.Connection[Any], worker: int, verb: str = "drain") -> None:
    server.execute(f"select server_api.{verb}_worker(%s, 'me', 'why')".encode(), [worker])


def test_a_drained_worker_finishes_what_it_has_and_gets_no_more(db: Database) -> None:
    server, session, other = db.connect("server"), Session(db), Session(db, "worker2")
    worker = worker_of(server, session)
    enqueue(server, job(), job())
    (held,) = session.claim()
    drain(server, worker)
    row = server.execute(
        "select draining_since is not null, running from server_api.worker where id = %s", [worker]
    ).fetchone()
    assert row == (True, 1)
    answer = session.exchange(done=[done(held)], want=5)
    assert answer["jobs"] == []
    assert "due" not in answer
    assert call(server, "select running from server_api.worker where id = %s", worker) == 0
    assert Session(db).claim() == [], "nor does a session that opens now"
    assert len(other.claim()) == 1, "nobody else is concerned"


def test_draining_twice_keeps_the_first_moment(db: Database) -> None:
    server = db.connect("server")
    worker = register(server)
    drain(server, worker)
    query = "select draining_since from server_api.worker"
    since = call(server, query)
    drain(server, worker)
    assert call(server, query) == since


def test_resuming_calls_its_sessions(db: Database) -> None:
    server, session = db.connect("server"), Session(db)
    worker = worker_of(server, session)
    drain(server, worker)
    enqueue(server, job())
    session.connection.execute(f"listen ow_w_{session.id}".encode())
    drain(server, worker, "resume")
    assert [n.channel for n in session.connection.notifies(timeout=5, stop_after=1)] == [f"ow_w_{session.id}"]
    assert len(session.claim()) == 1
    assert call(server, "select draining_since from server_api.worker") is None


def test_a_session_that_opens_beside_a_drain_does_not_escape_it(db: Database) -> None:
    server, opening = db.connect("server"), db.connect("worker", autocommit=False)
    worker = worker_of(server, Session(db))
    opening.execute("select worker_api.open(null, 'tests/worker')")
    server.execute("set lock_timeout = '50ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        drain(server, worker)
    opening.commit()
    drain(server, worker)
    assert call(server, "select bool_and(draining) from server_api.session where worker_id = %s", worker)


def test_a_dba_drains_by_name(db: Database) -> None:
    server, session, dba = db.connect("server"), Session(db), db.connect("dba")
    enqueue(server, job())
    dba.execute("select operator_api.drain_worker('tests/worker', 'kernel')")
    assert session.claim() == []
    dba.execute("select operator_api.resume_worker('tests/worker', 'done')")
    assert len(session.claim()) == 1
    rows = dba.execute("select action, target, actor, reason from inspect.audit order by id").fetchall()
    assert rows == [
        ("workers.drain", "tests/worker", login_name("dba"), "kernel"),
        ("workers.resume", "tests/worker", login_name("dba"), "done"),
    ]
    for verb in ("drain_worker", "resume_worker"):
        with refused("OWN04") as error:
            dba.execute(f"select operator_api.{verb}('no/body', 'x')".encode())
        assert error.detail == {"worker": "no/body"}
        with refused("42501"):
            server.execute(f"select operator_api.{verb}('tests/worker', 'x')".encode())


# --- the end -----------------------------------------------------------------------------------------------


def test_a_worker_with_a_live_session_stays(db: Database) -> None:
    server, session = db.connect("server"), Session(db)
    worker = worker_of(server, session)
    checks(server)
    with refused("OWW03") as error:
        server.execute("select server_api.remove_worker(%s, 'me', null)", [worker])
    assert error.detail == {"sessions": [session.id]}
    session.close()
    server.execute("select server_api.remove_worker(%s, 'me', null)", [worker])
    for view in ("worker", "worker_heartbeat", "worker_transition"):
        assert call(server, f"select count(*) from server_api.{view}") == 0
    assert worker_of(server, Session(db)) != worker, "it comes back as a new one"


def test_silent_workers_are_forgotten_but_no_living_or_drained_one(db: Database) -> None:
    server = db.connect("server")
    silent, fresh, drained, pending, beaten = (register(server, name) for name in "abcde")
    for worker in (silent, fresh, drained, beaten):
        server.execute("select server_api.set_worker_status(%s, 'offline', 'me', null)", [worker])
    drain(server, drained)
    live = worker_of(server, Session(db))
    server.execute("select server_api.set_worker_status(%s, 'offline', 'me', null)", [live])
    for worker in (silent, drained, pending, beaten, live):
        age(db, worker, 3600)
    server.execute("select server_api.heartbeat_worker(%s)", [beaten])
    assert call(server, "select server_api.prune_workers('30 min')") == 1
    left = {row[0] for row in server.execute("select id from server_api.worker").fetchall()}
    assert left == {fresh, drained, pending, beaten, live}
    assert call(server, "select count(*) from server_api.worker_transition where worker_id = %s", silent) == 0
    for wrong in ("59 s", None):
        with refused("OWV01"):
            server.execute("select server_api.prune_workers(%s)", [wrong])


def test_a_login_makes_up_only_so_many_names(db: Database) -> None:
    worker = db.connect("worker")
    db.connect("admin").execute(
        "insert into jobs.worker (name, login, versions)"
        " select 'made/up' || n, %s, '{}' from generate_series(1, 10000) as n",
        [login_name("worker")],
    )
    with refused("OWW01") as error:
        worker.execute("select worker_api.open(null, 'one/more')")
    assert error.detail["field"] == "name"
    worker.execute("select worker_api.open(null, 'made/up7')")
    Session(db, "worker2")


def test_a_dba_sees_the_registry_beside_the_sessions(db: Database) -> None:
    server, session = db.connect("server"), Session(db)
    register(server, "paper", "only", region="eu")
    rows = (
        db.connect("dba")
        .execute("select worker, session, state, status, region from inspect.workers")
        .fetchall()
    )
    assert sorted(rows) == [
        ("paper/only", None, "none", "pending", "eu"), ("tests/worker", session.id, "live", "pending", None),
    ]  # fmt: skip


def test_the_jobs_that_it_holds_are_listed(db: Database) -> None:
    server, session = db.connect("server"), Session(db)
    first, second = enqueue(server, job(), job(queue="b"))
    session.claim(2, free=1)
    rows = server.execute(
        "select worker_id, session, id, queue, attempt, started_at is not null"
        " from server_api.worker_job order by id"
    ).fetchall()
    worker = worker_of(server, session)
    assert rows == [
        (worker, session.id, first, "default", 1, True),
        (worker, session.id, second, "b", 1, False),
    ]
