"""Secrets: who gets a value, who is refused, and what is left of it. On 15 and 18."""

from __future__ import annotations

import itertools
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.support.cluster import LOGINS, Database, login_name
from tests.support.copies import dump
from tests.support.protocol import Session, done, enqueue, job

pytestmark = pytest.mark.pg15(soak=True)

VALUE = "s3cr3t-value"
SET = "select server_api.set_secret(%s, %s, %s, %s, 'somebody')"


def put(
    db: Database, name: str = "stripe", value: str = VALUE, tasks: tuple[str, ...] = ("billing.*",),
    logins: list[str] | None = None,
) -> Any:  # fmt: skip
    with db.connect("server") as server:
        row = server.execute(SET, [name, value, list(tasks), logins]).fetchone()
    assert row is not None
    return row[0]


def asked(session: Session, claimed: dict[str, Any], /, **other: Any) -> Any:
    """What worker_api.secrets answers, as this session with this claim unless something else is given."""
    given = {
        "session": session.id,
        "secret": session.secret,
        "job": claimed["id"],
        "claim": claimed["claim_no"],
    }
    query = "select worker_api.secrets(%(session)s, %(secret)s, %(job)s, %(claim)s)"
    row = session.connection.execute(query, {**given, **other}).fetchone()
    assert row is not None
    return row[0]


def begun(
    db: Database, role: str = "worker", task: str = "billing.charge", **args: Any
) -> tuple[Session, Any]:
    """A session that runs a job of this task with these arguments."""
    with db.connect("server") as server:
        enqueue(server, job(task=task, args=args))
    session = Session(db, role)
    (claimed,) = session.claim(1)
    return session, claimed


def uses(db: Database) -> list[tuple[Any, ...]]:
    with db.connect("dba") as conn:
        return conn.execute(
            "select name, granted, login, job_id, claim_no from inspect.secret_uses order by name"
        ).fetchall()


def test_a_granted_worker_gets_just_what_its_arguments_name(db: Database) -> None:
    for name in ("stripe", "aws/key", "unnamed"):
        put(db, name, f"{VALUE}-{name}")
    args = {
        "key": "secret://stripe",
        "deep": [{"list": ["x", "secret://aws/key", "secret://stripe"]}, 1, None],
        "secret://unnamed": "a key is no reference",
        "text": "see secret://unnamed",
    }
    session, claimed = begun(db, **args)
    assert claimed["args"] == args
    wanted = {"stripe": f"{VALUE}-stripe", "aws/key": f"{VALUE}-aws/key"}
    assert asked(session, claimed) == wanted == asked(session, claimed)
    me, which = login_name("worker"), (claimed["id"], claimed["claim_no"])
    assert uses(db) == [("aws/key", True, me, *which), ("stripe", True, me, *which)]


def test_another_task_or_login_gets_nothing(db: Database) -> None:
    session, claimed = begun(db, key="secret://stripe", other="secret://nothing")
    me, other = login_name("worker"), login_name("worker2")
    for tasks, logins in (
        (("other.*",), None),
        (("billing", "billing_charge", "billing.charg%", "BILLING.*"), None),
        (("billing.*",), [other]),
        (("billing.*",), [other, f"{me}2", me.upper()]),
    ):
        put(db, tasks=tasks, logins=logins)
        assert asked(session, claimed) == {}, (tasks, logins)
    assert [(name, granted) for name, granted, *_ in uses(db)] == [("nothing", False), ("stripe", False)]


def test_patterns_and_named_logins_let_in(db: Database) -> None:
    session, claimed = begun(db, "worker2", key="secret://stripe")
    for tasks in (("billing.charge",), ("billing.*",), ("billing.charg?",), ("x", "*")):
        put(db, tasks=tasks, logins=[login_name("worker2")])
        assert asked(session, claimed) == {"stripe": VALUE}, tasks


def test_only_who_runs_the_job_now_is_answered(db: Database) -> None:
    put(db)
    session, claimed = begun(db, key="secret://stripe")
    stranger = Session(db, "worker2")
    same_login = Session(db)
    for other in (
        {"session": stranger.id, "secret": stranger.secret},
        {"session": same_login.id, "secret": same_login.secret},
        {"secret": "wrong"},
        {"session": -1},
        {"job": claimed["id"] + 1},
        {"claim": claimed["claim_no"] - 1},
        {"claim": claimed["claim_no"] + 1},
        {"job": None},
        {"claim": None},
        {"secret": None},
    ):
        assert asked(session, claimed, **other) is None, other
    # Another login, even with the right session and secret.
    assert asked(stranger, claimed, session=session.id, secret=session.secret) is None
    assert uses(db) == []
    assert asked(session, claimed) == {"stripe": VALUE}
    session.exchange(done=[done(claimed)])
    assert asked(session, claimed) is None, "the job has ended"


def test_a_lost_sessions_worker_gets_nothing(db: Database) -> None:
    put(db)
    session, claimed = begun(db, key="secret://stripe")
    db.connect("admin").execute("update jobs.session set lost_at = now()")
    assert asked(session, claimed) is None


def test_a_new_value_counts_from_now_on_and_a_removed_one_is_gone(db: Database) -> None:
    assert put(db) is True
    assert put(db, value="rotated") is False
    session, claimed = begun(db, key="secret://stripe")
    assert asked(session, claimed) == {"stripe": "rotated"}
    server = db.connect("server")
    server.execute("select server_api.remove_secret('stripe', 'somebody')")
    assert asked(session, claimed) == {}
    with pytest.raises(psycopg.Error) as caught:
        server.execute("select server_api.remove_secret('stripe', 'somebody')")
    assert caught.value.sqlstate == "OWN02"
    audit = server.execute(
        "select actor, action, target, detail from server_api.audit order by id"
    ).fetchall()
    grants = {"tasks": ["billing.*"], "logins": None}
    assert audit == [
        ("somebody", "secrets.set", "stripe", {**grants, "new": True}),
        ("somebody", "secrets.set", "stripe", {**grants, "new": False}),
        ("somebody", "secrets.rm", "stripe", None),
    ]


def test_nobody_reads_a_value_but_by_that_call(db: Database) -> None:
    put(db)
    session, claimed = begun(db, key="secret://stripe")
    assert asked(session, claimed) == {"stripe": VALUE}
    for role in LOGINS:
        with pytest.raises(errors.InsufficientPrivilege):
            db.connect(role).execute("select value from jobs.secret")
    for role, query in (
        ("worker", "select args::text from worker_api.running"),
        ("server", "select s::text from server_api.secret s"),
        ("server", "select j::text from server_api.job j"),
        ("server", "select a::text from server_api.audit a"),
        ("dba", "select j::text from inspect.jobs j"),
        ("dba", "select u::text from inspect.secret_uses u"),
    ):
        (text,) = db.connect(role).execute(query.encode()).fetchone()  # type: ignore[misc]
        assert VALUE not in text
    assert VALUE in dump(db)
    assert VALUE not in dump(db, "--exclude-table-data=jobs.secret")


def test_each_login_may_call_what_its_role_may(db: Database) -> None:
    calls = {
        "select worker_api.secrets(1, '', 1, 1)": {"worker", "worker2"},
        "select server_api.set_secret('a', 'b', '{*}', null, null)": {"server"},
        "select * from server_api.secret": {"server"},
        "select * from inspect.secret_uses": {"server", "dba"},
        "select jobs.fits('a', '{*}')": set(),
        "insert into jobs.secret_use default values": set(),
        "delete from jobs.secret": set(),
    }
    for role, (query, roles) in itertools.product(LOGINS, calls.items()):
        if role in roles:
            db.connect(role).execute(query.encode())
        else:
            with pytest.raises(errors.InsufficientPrivilege):
                db.connect(role).execute(query.encode())


def test_what_is_no_secret_is_refused(db: Database) -> None:
    server = db.connect("server")
    for given, field in (
        (["", VALUE, ["*"], None], "name"),
        (["a b", VALUE, ["*"], None], "name"),
        (["x" * 129, VALUE, ["*"], None], "name"),
        ([None, VALUE, ["*"], None], "name"),
        (["a", "", ["*"], None], "value"),
        (["a", None, ["*"], None], "value"),
        (["a", "x" * 16385, ["*"], None], "value"),
        (["a", VALUE, [], None], "tasks"),
        (["a", VALUE, None, None], "tasks"),
        (["a", VALUE, ["a", None], None], "tasks"),
        (["a", VALUE, ["*"], []], "logins"),
    ):
        with pytest.raises(psycopg.Error) as caught:
            server.execute(SET, given)
        assert caught.value.sqlstate == "OWV01"
        assert f'"field": "{field}"' in (caught.value.diag.message_detail or "")


def test_the_record_of_uses_goes_with_its_job(db: Database) -> None:
    put(db)
    session, claimed = begun(db, key="secret://stripe")
    asked(session, claimed)
    session.exchange(done=[done(claimed)])
    assert len(uses(db)) == 1
    db.connect("server").execute("select server_api.remove(%s, 'me', null)", [claimed["id"]])
    assert uses(db) == []
