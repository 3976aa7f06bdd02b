"""Ways to keep a transaction open against a real scheduler, with every guard SET off; and who is spared."""

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import psycopg
import pytest

from tests.support.cluster import Database, login_name
from tests.support.protocol import Session, status
from tests.support.stage import Stage

pytestmark = pytest.mark.timeout(120)

TRANSACTION, STATEMENT = 5.0, 15.0
# How long before its end a backend may have been seen last, and how late a loaded machine may be.
BEFORE, LATE = 1.0, 15.0
# Seconds of CPU if nobody ends it.
FOREVER = "select count(*) from generate_series(1, 1000000) as a, generate_series(1, 1000000) as b"
# Seconds of writing one NOTIFY: a socket's buffers grow for a while.
STUCK = 1.0
GUARDS = ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")

Ended = dict[str, float]


def attacker(db: Database, name: str, role: str = "worker") -> psycopg.Connection[Any]:
    """A stolen login's connection, its accident guards taken off."""
    conn = db.connect(role, application_name=name)
    for guard in GUARDS:
        if conn.execute("select 1 from pg_settings where name = %s", [guard]).fetchone():
            conn.execute(f"set {guard} = 0".encode())
    return conn


def claim_and_wait(db: Database) -> psycopg.Connection[Any]:
    """Holds a job's row and a session's."""
    session = Session(db)
    session.connection.execute("set application_name = 'uncommitted claim'")
    session.connection.execute("set idle_in_transaction_session_timeout = 0")
    session.connection.execute("begin")
    assert session.claim()
    return session.connection


def repeatable_read(db: Database) -> psycopg.Connection[Any]:
    conn = attacker(db, "idle repeatable read")
    conn.execute("begin isolation level repeatable read")
    conn.execute("select 1")
    return conn


def hold_a_cursor(db: Database) -> psycopg.Connection[Any]:
    """Its rows are computed by the COMMIT, of a transaction that has idled before."""
    conn = attacker(db, "held cursor")
    conn.execute("begin")
    conn.execute(f"declare held cursor with hold for {FOREVER}".encode())
    return conn


def join_for_ever(db: Database) -> psycopg.Connection[Any]:
    conn = attacker(db, "cross join")
    conn.pgconn.send_query(FOREVER.encode())
    return conn


def read_nothing(db: Database) -> psycopg.Connection[Any]:
    conn = attacker(db, "stopped reading")
    conn.pgconn.send_query(b"select repeat('x', 1000) from generate_series(1, 100000)")
    return conn


def be_loud(db: Database) -> Callable[[], None]:
    """Sends one NOTIFY more each time."""
    conn, numbers = db.connect("worker2"), itertools.count()

    def shout() -> None:
        conn.execute(f"notify flood, '{next(numbers):01000}'".encode())

    return shout


def hear_nothing(db: Database, shout: Callable[[], None]) -> tuple[psycopg.Connection[Any], bool]:
    """Its backend is idle and stuck with more NOTIFYs than the sockets hold; as a rule it has committed."""
    conn = attacker(db, "stopped listening")
    conn.execute("listen flood")
    state = "select wait_event, xact_start is null from pg_stat_activity where pid = %s"
    with db.connect("admin") as admin:
        for _ in range(10_000):
            shout()  # its buffer of 8 KB has room for some
            began = None
            while (now := admin.execute(state, [conn.info.backend_pid]).fetchone()) != ("ClientRead", True):
                if now is None:  # a slow machine: it was ended before
                    return conn, True
                began = (began or monotonic()) if now[0] == "ClientWrite" else None
                if began and monotonic() - began > STUCK:
                    return conn, now[1]
    raise AssertionError("it hears everything")


def start_commit(conn: psycopg.Connection[Any]) -> None:
    """Later than a second after its begin."""
    conn.pgconn.send_query(b"commit")


@contextmanager
def watching(db: Database) -> Iterator[Callable[[], Ended]]:
    """When each backend with a name was seen last, by the database's clock, 20 times a second."""
    seen: Ended = {}
    over = threading.Event()

    def watch() -> None:
        with db.connect("admin") as admin:
            while not over.wait(0.05):
                rows = admin.execute(
                    "select application_name, extract(epoch from clock_timestamp() - backend_start)"
                    " from pg_stat_activity where datname = current_database()"
                )
                seen.update({name: float(age) for name, age in rows})

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: dict(seen)
    finally:
        over.set()
        thread.join()


def alive(db: Database, names: set[str]) -> set[str]:
    with db.connect("admin") as admin:
        rows = admin.execute(
            "select application_name from pg_stat_activity where datname = current_database()"
        ).fetchall()
    return names & {name for (name,) in rows}


def test_every_way_to_stay_is_ended_at_its_limit_and_nobody_else(stage: Stage) -> None:
    db = stage.db
    job = stage.enqueue("echo")
    scheduler = stage.scheduler(ONEWRITER_JANITOR_DATABASE_URL=db.dsn("janitor"))
    spared = [db.connect(role, application_name=f"spared {role}") for role in ("admin", "server", "dba")]
    for conn in spared:
        conn.execute("begin isolation level repeatable read")
        conn.execute("select 1")
    idle = attacker(db, "spared worker")
    idle.execute("listen ow_any")

    with watching(db) as seen:
        shout = be_loud(db)
        deaf_one, committed = hear_nothing(db, shout)
        held = hold_a_cursor(db)
        attackers = [deaf_one, claim_and_wait(db), repeatable_read(db), join_for_ever(db), read_nothing(db)]
        os.setpriority(os.PRIO_PROCESS, attackers[3].info.backend_pid, 19)  # it may go without, here
        threading.Timer(1.5, start_commit, [held]).start()
        short = {"uncommitted claim", "idle repeatable read", "held cursor"}
        long = {"cross join", "stopped reading"}
        assert alive(db, short | long) == short | long
        attacks = short | long | {"stopped listening"}

        def over() -> bool:
            shout()  # the sockets' buffers grow: what stops now hears something later
            return not alive(db, attacks)

        stage.until(over, STATEMENT + LATE, say=lambda: alive(db, attacks))
        ages = seen()

    for limit, names in ((TRANSACTION, short), (STATEMENT, long)):
        lasted = {name: ages[name] for name in names}
        assert all(limit - BEFORE < age < limit + LATE for age in lasted.values()), lasted
    assert status(stage.server, job) == "ready", "what was never committed never happened"
    ended = {
        row["rule"]: row["times"] for row in stage.rows("select rule, times from inspect.ended_backends")
    }
    deaf = {"unread": 1, "transaction": 3} if committed else {"transaction": 4}
    assert ended == {"statement": 2, **deaf}
    assert f"of {login_name('worker')}: past the limit of a transaction" in scheduler.output()
    for conn in (*spared, idle):
        assert conn.execute("select 1").fetchone() == (1,)


def test_without_a_login_the_scheduler_says_so_once(stage: Stage) -> None:
    said = stage.scheduler().output()
    assert said.count("ONEWRITER_JANITOR_DATABASE_URL is not set") == 1


def test_of_several_schedulers_the_leaders_janitor_works(stage: Stage) -> None:
    settings = {"ONEWRITER_JANITOR_DATABASE_URL": stage.db.dsn("janitor")}
    stage.scheduler(**settings)
    second = stage.processes.scheduler(stage.db.dsn("server"), **settings)
    connected = """select count(*) from pg_stat_activity
                    where datname = current_database() and application_name = %s"""
    admin = stage.db.connect("admin")

    def count(name: str) -> int:
        row = admin.execute(connected.encode(), [name]).fetchone()
        assert row is not None
        return int(row[0])

    stage.until(lambda: count("onewriter janitor") == 1 and count("onewriter scheduler") == 2)
    stage.until(lambda: count("onewriter scheduler listen") == 2)
    assert count("onewriter janitor") == 1
    assert "leading" not in second.output()


def test_a_lost_connection_of_the_janitors_is_made_again(stage: Stage) -> None:
    scheduler = stage.scheduler(ONEWRITER_JANITOR_DATABASE_URL=stage.db.dsn("janitor"))
    theirs = """1 from pg_stat_activity where application_name = 'onewriter janitor'
                and datname = current_database()"""
    admin = stage.db.connect("admin")
    attacker(stage.db, "a worker")
    stage.until(lambda: admin.execute(f"select {theirs}".encode()).fetchone())
    admin.execute("notify ow_sched")
    admin.execute(f"select pg_terminate_backend(pid, 10000), {theirs}".encode())
    stage.until(lambda: admin.execute(f"select {theirs}".encode()).fetchone())
    assert scheduler.output().count("janitor failed, trying again") == 1
