"""A login per worker host: what it may claim, how much, and its end. On 15 and 18."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.http.keyring import make_patterns
from app.schema.doctor import examine
from app.schema.logins import create_login, drop_login
from app.schema.worker_logins import (
    Grant,
    Limits,
    create_worker_login,
    forget_worker_login,
    revoke_worker_login,
)
from tests.support.cluster import PASSWORD, Database
from tests.support.protocol import Session, done, enqueue, job, rescue, retry, status

pytestmark = pytest.mark.pg15(soak=True)

LIMITS = Limits(connections=4, temp_file_limit="64MB")
Host = Callable[..., str]


@pytest.fixture
def host(db: Database) -> Iterator[Host]:
    """Makes a worker host's login; roles are the cluster's, so they go with the test."""
    admin = db.connect("admin")
    made: list[str] = []

    def make(**grant: Any) -> str:
        name = f"host_{os.getpid()}_{db.name.rpartition('_')[2]}_{len(made)}"
        made.append(name)
        db.made.add(name)
        create_worker_login(admin, name, PASSWORD, Grant(**grant), LIMITS, actor="me")
        return name

    yield make
    for name in made:
        revoke_worker_login(admin, name, actor="me", reason="the test is over")
        drop_login(admin, name)


def publish(db: Database, source: str = "here", **queues: list[str]) -> None:
    """Queues and the names of their tasks."""
    tasks = [{"name": name, "queue": queue} for queue, names in queues.items() for name in names]
    db.connect("server").execute(
        "select server_api.publish_tasks(%s, %s, 'me')",
        [source, json.dumps({"catalogue": 1, "tasks": tasks})],
    )


def grant_of(db: Database, login: str) -> tuple[list[str] | None, dict[str, str]]:
    row = (
        db.connect("dba")
        .execute("select granted, refused from inspect.worker_logins where login = %s", [login])
        .fetchone()
    )
    assert row is not None
    return row


def refused(connection: psycopg.Connection[Any], query: str, *params: Any) -> tuple[str | None, Any]:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(query.encode(), params)
    return caught.value.sqlstate, json.loads(caught.value.diag.message_detail or "null")


def claimed(session: Session, want: int = 10) -> list[tuple[str, str]]:
    return [(item["queue"], item["task"]) for item in session.claim(want)]


def plant(db: Database, task: str, queue: str) -> int:
    """A job that no function would have let in."""
    row = (
        db.connect("admin")
        .execute(
            """insert into procrastinate.procrastinate_jobs (queue_name, task_name)
               values (%s, %s) returning id""",
            [queue, task],
        )
        .fetchone()
    )
    assert row is not None
    return int(row[0])


# --- patterns ----------------------------------------------------------------------------------------


PATTERNS = (
    ("billing.*", "billing.invoice", True),
    ("billing.*", "billingXinvoice", False),
    ("billing.*", "billing.", True),
    ("billing.*", "xbilling.a", False),
    ("*", "", True),
    ("?", "ä", True),
    ("?", "", False),
    ("a%", "abc", False),
    ("a%", "a%", True),
    ("a_c", "abc", False),
    ("a_c", "a_c", True),
    ("a\\*", "a\\b", True),
    ("a\\*", "a*", False),
    ("[ab]|.", "a", False),
    ("A*", "abc", False),
    ("*\n*", "a\nb", True),
    ("münch.*", "münch.köln", True),
)


def test_a_pattern_means_what_it_means_for_keys(admin: psycopg.Connection[Any]) -> None:
    said = {case: (_fits(admin, case[1], [case[0]]), _key_fits(case[1], [case[0]])) for case in PATTERNS}
    assert said == {case: (case[2], case[2]) for case in PATTERNS}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    task=st.text("ab.*?%_\\[é\n", max_size=6),
    patterns=st.lists(st.text("ab.*?%_\\[é\n", min_size=1, max_size=6), min_size=1, max_size=3),
)
def test_any_pattern_means_what_it_means_for_keys(
    admin: psycopg.Connection[Any], task: str, patterns: list[str]
) -> None:
    assert _fits(admin, task, patterns) is _key_fits(task, patterns)


@pytest.fixture
def admin(db: Database) -> psycopg.Connection[Any]:
    return db.connect("admin")


def _fits(admin: psycopg.Connection[Any], task: str, patterns: list[str]) -> bool:
    row = admin.execute("select jobs.fits(%s, %s)", [task, patterns]).fetchone()
    assert row is not None
    return bool(row[0])


def _key_fits(task: str, patterns: list[str]) -> bool:
    made = make_patterns(patterns)
    assert made is not None
    return made.match(task)


# --- resolution --------------------------------------------------------------------------------------


def test_a_queue_is_granted_if_every_task_of_it_fits(db: Database, host: Host) -> None:
    publish(db, billing=["billing.a", "billing.b"], mixed=["billing.c", "mail.send"], mail=["mail.other"])
    login = host(tasks=["billing.*"])
    assert grant_of(db, login) == (["billing"], {"mixed": "its task mail.send does not fit"})
    named = host(tasks=["billing.*"], queues=["billing", "mail", "new"])
    assert grant_of(db, named) == (["billing", "new"], {"mail": "its task mail.other does not fit"})
    assert grant_of(db, host(queues=["mail"])) == (["mail"], {})
    assert grant_of(db, host()) == (None, {})


def test_publishing_resolves_again_and_live_sessions_follow(db: Database, host: Host) -> None:
    login = host(tasks=["billing.*"])
    assert grant_of(db, login) == ([], {})
    early = Session(db, login)
    publish(db, billing=["billing.a"], other=["mail.send"])
    assert grant_of(db, login) == (["billing"], {})
    late = Session(db, login, queues=["billing"])
    server = db.connect("server")
    enqueue(server, job(task="mail.send", queue="other"), *[job(task="billing.a", queue="billing")] * 2)
    assert claimed(early, 1) == claimed(late, 1) == [("billing", "billing.a")]
    publish(db, billing=["billing.a", "mail.other"])
    assert grant_of(db, login) == ([], {"billing": "its task mail.other does not fit"})
    enqueue(server, job(task="billing.a", queue="billing"))
    assert claimed(early) == claimed(late) == []
    publish(db, "there")  # of another source, and nothing in it
    publish(db, billing=["billing.a"])
    assert claimed(late) == [("billing", "billing.a")]


@pytest.mark.parametrize("how", [{}, {"delay": 3600}, {"lock": "free"}, {"lock": "parked"}], ids=str)
def test_a_queue_in_which_another_task_waits_is_not_granted(
    db: Database, host: Host, how: dict[str, Any]
) -> None:
    enqueue(db.connect("server"), job(queue="other", lock="parked", priority=1))
    (waiting,) = enqueue(db.connect("server"), job(task="mail.send", queue="billing", **how))
    if how.get("lock") == "parked":
        Session(db, queues=["other"]).claim()
        Session(db, queues=["billing"]).claim()
    login = host(tasks=["billing.*"], queues=["billing"])
    assert grant_of(db, login) == ([], {"billing": f"job {waiting} of task mail.send waits in it"})
    db.connect("dba").execute("select operator_api.cancel(%s, 'in the way')", [waiting])
    publish(db)
    assert grant_of(db, login) == (["billing"], {})


def test_a_publish_waits_for_no_worker(db: Database, host: Host) -> None:
    publish(db, billing=["billing.a"])
    login = host(tasks=["billing.*"], in_flight=5)
    enqueue(db.connect("server"), job(task="billing.a", queue="billing"))
    worker = Session(db, login)
    worker.connection.execute("begin")
    assert claimed(worker) == [("billing", "billing.a")]
    publish(db, billing=["billing.a", "mail.send"])
    assert grant_of(db, login)[0] == []
    worker.connection.execute("commit")


def test_queues_that_change_hands_are_signalled(db: Database, host: Host) -> None:
    listener = db.connect("server")
    listener.execute("listen ow_any")
    host(tasks=["billing.*"])
    publish(db, billing=["billing.a"])
    assert [n.channel for n in listener.notifies(timeout=5, stop_after=1)] == ["ow_any"]


# --- open --------------------------------------------------------------------------------------------


def test_open_refuses_queues_outside_the_grant_and_names_them(db: Database, host: Host) -> None:
    publish(db, billing=["billing.a"], mixed=["billing.c", "mail.send"])
    login = host(tasks=["billing.*"], queues=["billing", "mixed"])
    worker = db.connect(login)
    open_ = "select worker_api.open(%s, 'w')"
    assert refused(worker, open_, ["billing", "mail", "mixed"]) == (
        "OWR01",
        {"queues": ["mail", "mixed"], "granted": ["billing"]},
    )
    with pytest.raises(psycopg.Error, match=r"from mail, mixed \(its task mail.send does not fit\)"):
        worker.execute(open_.encode(), [["mail", "mixed"]])
    assert Session(db, login, queues=["billing"]).claim() == []


def test_a_login_without_a_row_is_not_restricted(db: Database, host: Host) -> None:
    publish(db, billing=["billing.a"])
    host(tasks=["billing.*"])
    enqueue(db.connect("server"), job(queue="else"), job(task="billing.a", queue="billing"))
    assert len(claimed(Session(db))) == 2


def test_a_login_of_all_queues_or_of_some(db: Database, host: Host) -> None:
    enqueue(db.connect("server"), job(queue="a"), job(queue="b"))
    assert claimed(Session(db, host(queues=["b"]))) == [("b", "echo")]
    assert claimed(Session(db, host())) == [("a", "echo")]


# --- enqueue -----------------------------------------------------------------------------------------


def test_enqueue_refuses_other_tasks_into_such_a_queue(db: Database, host: Host) -> None:
    publish(db, billing=["billing.a"], mail=["mail.send"])
    host(tasks=["billing.*"])
    server, producer = db.connect("server"), db.connect("producer")
    detail = {
        "index": 1, "queue": "billing", "task": "mail.send", "takes": ["billing.*"],
        "field": "queue", "message": "takes only billing.*",
    }  # fmt: skip
    pair = [job(task="billing.a", queue="billing"), job(task="mail.send", queue="billing")]
    many = "select server_api.enqueue_many(%s)"
    assert refused(server, many, json.dumps(pair)) == ("OWT01", detail)
    keyed = [{**item, "key": str(n), "queueing_lock": str(n)} for n, item in enumerate(pair)]
    assert refused(server, many, json.dumps(keyed)) == ("OWT01", detail)
    batch = 'select server_api.enqueue_batch(%s, \'{"kind": "http"}\', null)'
    assert refused(server, batch, json.dumps(pair))[0] == "OWT01"
    single = "select server_api.enqueue('mail.send', queue => 'billing')"
    assert refused(producer, single) == ("OWT01", {**detail, "index": 0})
    defer = """select procrastinate.procrastinate_defer_jobs_v1(array[row(
        'billing', 'mail.send', 0, null, null, '{}', null)::procrastinate.procrastinate_job_to_defer_v1])"""
    assert refused(producer, defer)[0] == "OWT01"
    assert server.execute("select count(*) from server_api.job").fetchone() == (0,)
    assert len(enqueue(server, pair[0], job(task="mail.send", queue="mail"))) == 2


def test_each_login_of_a_queue_has_its_say(db: Database, host: Host) -> None:
    publish(db, shared=["a.x"])
    wide, narrow = host(tasks=["a.*", "b.*"]), host(tasks=["a.*"])
    server = db.connect("server")
    many = "select server_api.enqueue_many(%s)"
    assert refused(server, many, json.dumps([job(task="b.y", queue="shared")]))[1]["takes"] == ["a.*"]
    db.connect("dba").execute("select operator_api.revoke_login(%s, 'gone')", [narrow])
    assert enqueue(server, job(task="b.y", queue="shared"))
    assert refused(server, many, json.dumps([job(task="c.z", queue="shared")]))[0] == "OWT01"
    db.connect("dba").execute("select operator_api.revoke_login(%s, 'gone')", [wide])
    assert enqueue(server, job(task="c.z", queue="shared"))


def test_what_ended_comes_back_only_where_its_task_fits(db: Database, host: Host) -> None:
    server, worker = db.connect("server"), Session(db)
    failing, finished = enqueue(server, *[job(task="mail.send", queue="billing")] * 2)
    first, second = worker.claim(2)
    worker.exchange(done=[done(first, how="failed", error="boom", reason="error"), done(second)])
    host(tasks=["billing.*"], queues=["billing"])
    assert refused(server, "select server_api.retry(%s, 'me', null)", failing)[0] == "OWT01"
    assert refused(server, "select server_api.run_now(%s, 'me', 'again')", finished)[0] == "OWT01"
    assert (status(server, failing), status(server, finished)) == ("failed", "succeeded")


def test_a_retry_strategy_cannot_move_a_job_into_it(db: Database, host: Host) -> None:
    host(tasks=["billing.*"], queues=["billing"])
    server, worker = db.connect("server"), Session(db)
    moved, neighbour = enqueue(server, *[job(task="mail.send", queue="mail")] * 2)
    held = {item["id"]: item for item in worker.claim(2)}
    answer = worker.exchange(retry=[retry(held[moved], queue="billing"), retry(held[neighbour])])
    assert answer["failed"][str(moved)].startswith("OWT01")
    assert (status(server, moved), status(server, neighbour)) == ("failed", "ready")


# --- claim -------------------------------------------------------------------------------------------


def test_a_claim_hands_out_no_job_that_does_not_fit(db: Database, host: Host) -> None:
    """It costs the login the queue, once, in the audit; the job waits and nothing else is lost."""
    publish(db, billing=["billing.a"], extra=["billing.b"])
    login, other = host(tasks=["billing.*"]), host(tasks=["billing.a"])
    server, worker = db.connect("server"), Session(db, login)
    (good, apart) = enqueue(
        server, job(task="billing.a", queue="billing"), job(task="billing.b", queue="extra")
    )
    planted = plant(db, "mail.send", "billing")
    answer = worker.exchange(want=5)
    assert (answer["jobs"], answer["more"]) == ([], True)
    assert grant_of(db, login) == (
        ["extra"],
        {"billing": f"job {planted} of task mail.send was found in it"},
    )
    assert [item["id"] for item in worker.claim(5)] == [apart]
    answer = worker.exchange(want=5)
    assert (answer["jobs"], answer["more"]) == ([], False)
    assert [status(server, i) for i in (good, planted)] == ["ready", "ready"]
    assert server.execute(
        "select action, login, target from server_api.audit where action = 'workers.withdraw'"
    ).fetchall() == [("workers.withdraw", login, f"queue billing of {login}")]
    assert grant_of(db, other)[0] == ["billing"], "each login finds out for itself"
    claim_nos = "select max(claim_no) from procrastinate.procrastinate_jobs where id = any(%s)"
    assert db.connect("dba").execute(claim_nos, [[good, planted]]).fetchone() == (0,)
    publish(db, billing=["billing.a"], extra=["billing.b"])
    assert grant_of(db, login)[1] == {"billing": f"job {planted} of task mail.send waits in it"}
    server.execute("select server_api.cancel(%s, 'me', null)", [planted])
    publish(db, billing=["billing.a"], extra=["billing.b"])
    assert [item["id"] for item in worker.claim(5)] == [good]


def test_all_sessions_together_hold_at_most_the_cap(db: Database, host: Host) -> None:
    login = host(in_flight=3)
    server = db.connect("server")
    enqueue(server, *[job() for _ in range(10)], job(delay=0.001))
    worker = db.connect(login)
    held, sessions = [], []
    for _ in range(10):
        session = Session.__new__(Session)
        session.connection = worker
        opened = worker.execute("select worker_api.open(null, 'w')").fetchone()
        assert opened is not None
        session.id, session.secret = opened[0]["session"], opened[0]["secret"]
        sessions.append(session)
        answer = session.exchange(want=2)
        held.append(len(answer["jobs"]))
    assert held == [2, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert "due" not in answer or answer["due"] is None, "or it would ask again at once"
    sessions[9].exchange()
    first = sessions[1].claim(0)
    assert first == []
    row = db.connect("dba").execute("select running, sessions from inspect.worker_logins").fetchone()
    assert row == (3, 10)
    sessions[0].close()
    assert len(sessions[5].claim(5)) == 2, "what it gave back is free again"
    assert len(Session(db).claim(20)) == 8, "nobody else is held to it"


def test_two_claims_at_once_count_one_after_the_other(db: Database, host: Host) -> None:
    login = host(in_flight=1)
    enqueue(db.connect("server"), job(), job())
    first, second = Session(db, login), Session(db, login)
    first.connection.execute("begin")
    assert len(first.claim()) == 1
    second.connection.execute("set lock_timeout = '50ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        second.claim()
    first.connection.execute("commit")
    assert second.claim() == []


def test_an_old_snapshot_does_not_get_round_the_cap(db: Database, host: Host) -> None:
    login = host(in_flight=1)
    enqueue(db.connect("server"), job(), job())
    first, second = Session(db, login), Session(db, login)
    second.connection.execute("begin isolation level repeatable read")
    second.connection.execute("select 1 from worker_api.running")
    assert len(first.claim()) == 1
    with pytest.raises(psycopg.Error, match="read committed"):
        second.claim()


# --- the login itself --------------------------------------------------------------------------------


def test_the_role_has_its_limits_and_no_other_right(db: Database, host: Host) -> None:
    login = host(queues=["a"])
    admin = db.connect("admin")
    row = admin.execute(
        "select rolconnlimit, rolsuper, rolcreaterole, rolcanlogin from pg_roles where rolname = %s", [login]
    ).fetchone()
    assert row == (4, False, False, True)
    worker = db.connect(login)
    assert worker.execute("show temp_file_limit").fetchone() == ("64MB",)
    assert refused(worker, "set temp_file_limit = -1")[0] == "42501"
    assert worker.execute("select * from worker_api.writable()").fetchall() == []
    others = [db.connect(login) for _ in range(3)]
    with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
        db.connect(login)
    [other.close() for other in others]


def test_an_admin_need_not_be_a_superuser(db: Database, odd_roles: None) -> None:
    """Only temp_file_limit is a superuser's to set: it is left out, and that is told."""
    admin, ops, name = db.connect("admin"), f"ops_{os.getpid()}", f"ops_host_{os.getpid()}"
    admin.execute(f"create role {ops} login createrole".encode())
    admin.execute(f"grant onewriter_api to {ops}; grant onewriter_worker to {ops} with admin option".encode())
    db.made |= {ops, name}
    try:
        with db.connect(ops) as conn:
            assert create_worker_login(conn, name, PASSWORD, Grant(queues=["a"]), LIMITS, actor="me") is False
            session = Session(db, name)
            assert revoke_worker_login(conn, name, actor="me", reason="moved").sessions == 1
            with pytest.raises(psycopg.OperationalError):
                session.exchange()
            drop_login(conn, name)
    finally:
        admin.execute(f"drop role if exists {name}; drop role {ops}".encode())


def test_neither_the_role_nor_its_row_is_left_alone(db: Database, host: Host) -> None:
    admin = db.connect("admin")
    for grant in (Grant(queues=[]), Grant(tasks=["", "b"]), Grant(queues=["x" * 129]), Grant(in_flight=0)):
        with pytest.raises(psycopg.Error) as caught:
            create_worker_login(admin, "host_never", PASSWORD, grant, LIMITS, actor="me")
        assert caught.value.sqlstate == "OWV01"
    with pytest.raises(psycopg.Error, match="temp_file_limit"):
        create_worker_login(admin, "host_never", PASSWORD, Grant(), Limits(1, "lots"), actor="me")
    assert admin.execute("select from pg_roles where rolname = 'host_never'").fetchone() is None
    assert admin.execute("select count(*) from jobs.worker_login").fetchone() == (0,)


def test_revoking_ends_sessions_and_gives_jobs_back_at_once(db: Database, host: Host) -> None:
    login = host(queues=["default"])
    server, worker, idle = db.connect("server"), Session(db, login), Session(db, login)
    ids = enqueue(server, job(), job())
    held = worker.claim(2)
    admin = db.connect("admin")
    revoked = revoke_worker_login(admin, login, actor="me", reason="stolen")
    assert (revoked.sessions, revoked.connections, revoked.jobs) == (2, 2, 2)
    assert {"ow_job", "ow_any"} <= set(revoked.wake)
    assert [status(server, i) for i in ids] == ["ready", "ready"]
    with pytest.raises(psycopg.OperationalError):
        worker.exchange(done=[done(item) for item in held])
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        db.connect(login)
    assert rescue(server)["session"] is None
    row = server.execute(
        "select actor, target, reason, detail ->> 'jobs' from server_api.audit where action ~ 'revoke'"
    ).fetchone()
    assert row == ("me", login, "stolen", "2")
    again = revoke_worker_login(admin, login, actor="you", reason="again")
    assert (again.sessions, again.jobs) == (0, 0)
    evidence = "select revoked_by, revoke_reason, can_login from inspect.worker_logins"
    assert server.execute(evidence.encode()).fetchone() == ("me", "stolen", False)
    assert idle.id


def test_a_dba_revokes_from_psql_and_the_database_needs_no_more(db: Database, host: Host) -> None:
    """The role may still log in then: it opens nothing, and its old sessions are gone."""
    login = host(queues=["default"])
    server, worker = db.connect("server"), Session(db, login)
    (job_id,) = enqueue(server, job())
    worker.claim()
    listener = db.connect("server")
    listener.execute("listen ow_sched")
    answer = db.connect("dba").execute("select operator_api.revoke_login(%s, 'stolen')", [login]).fetchone()
    assert answer == ({"sessions": 1, "connections": 1, "jobs": 1},)
    assert [n.channel for n in listener.notifies(timeout=5, stop_after=1)] == ["ow_sched"]
    assert rescue(server)["returned"] == 1 and status(server, job_id) == "ready"
    worker.connection = db.connect(login)
    assert worker.exchange(want=1)["gone"]
    assert refused(worker.connection, "select worker_api.open(null, 'w')")[0] == "OWR01"


def test_a_login_that_was_never_restricted_can_be_revoked_too(db: Database) -> None:
    admin, name = db.connect("admin"), f"plain_{os.getpid()}"
    create_login(admin, name, "worker", PASSWORD)
    db.made.add(name)
    try:
        session = Session(db, name)
        assert revoke_worker_login(admin, name, actor="me", reason="old").sessions == 1
        admin.execute(f"alter role {name} login".encode())
        session.connection = db.connect(name)
        assert session.exchange()["gone"]
        assert refused(session.connection, "select worker_api.open(null, 'w')")[0] == "OWR01"
    finally:
        drop_login(admin, name)


def test_only_a_revoked_logins_name_becomes_free(db: Database, host: Host) -> None:
    login = host(queues=["a"])
    admin = db.connect("admin")
    with pytest.raises(psycopg.Error, match="not revoked"):
        forget_worker_login(admin, login)
    revoke_worker_login(admin, login, actor="me", reason="moved")
    forget_worker_login(admin, login)
    assert admin.execute("select count(*) from jobs.worker_login").fetchone() == (0,)


@pytest.mark.parametrize("name", ["onewriter_test_server", "postgres", "nobody"])
def test_only_workers_are_revoked(db: Database, name: str) -> None:
    admin, dba = db.connect("admin"), db.connect("dba")
    assert refused(dba, "select operator_api.revoke_login(%s, 'x')", name) == ("OWN02", {"login": name})
    with pytest.raises(psycopg.Error, match="no worker login"):
        revoke_worker_login(admin, name, actor="me", reason="x")
    assert admin.execute("select from pg_roles where rolname = %s and not rolcanlogin", [name]).rowcount == 0


def test_the_doctor_compares_roles_with_revocations(db: Database, host: Host) -> None:
    revoked, lost = host(queues=["a"]), host(queues=["b"])
    admin = db.connect("admin")
    revoke_worker_login(admin, revoked, actor="me", reason="moved")
    assert [f for f in examine(db.dsn("admin")) if "host_" in f.problem] == []
    admin.execute(f"alter role {revoked} login; alter role {lost} nologin".encode())
    found = {f.problem: f.mend for f in examine(db.dsn("admin")) if "host_" in f.problem}
    assert found == {
        f"the login {revoked} was revoked and may log in": f"alter role {revoked} nologin;",
        f"the worker login {lost} cannot log in and was not revoked": (
            f"onewriter workers login revoke {lost}   # or: alter role {lost} login;"
        ),
    }


@pytest.mark.parametrize("role", ["server", "worker", "producer", "dba", "janitor", "migrator"])
def test_nobody_but_the_owner_makes_or_ends_logins(db: Database, role: str) -> None:
    connection = db.connect(role)
    for call in (
        "jobs.create_worker_login('x', null, null, null, 'me')",
        "jobs.revoke_worker_login('onewriter_test_worker', 'me', 'x')",
        "jobs.forget_worker_login('x')",
        "jobs.resolve_logins()",
        "jobs.withdraw_queue('x', 'q', 't', 1)",
        "jobs.terminate_login('onewriter_test_worker')",
        "jobs.grant_queues(null)",
        "jobs.claim_granted(1, null, 1, 1, true, null)",
        "jobs.fits('a', '{a}')",
    ):
        assert refused(connection, f"select {call}")[0] == "42501", call
    if role not in {"dba", "migrator"}:
        assert refused(connection, "select operator_api.revoke_login('x', 'y')")[0] == "42501"
    if role not in {"dba", "server"}:
        assert refused(connection, "select * from inspect.worker_logins")[0] == "42501"
