"""Doctor finds every way in which a worker's login could write a table, here and where the domain is."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from app.schema import inbox
from app.schema.doctor import Domain, examine
from app.schema.domain import grant
from app.schema.finding import Finding
from app.schema.writers import in_domain, worker_logins, writing_workers
from tests.support.apart import domain_database, make_board
from tests.support.cluster import Database, login_name

pytestmark = pytest.mark.pg15(soak=True)

WORKER, HANDLER = login_name("worker"), login_name("handler")
TEAM = f"team_{os.getpid()}"
DOOR = "create {kind} board.add() {returns} language sql security definer {also} as $$ {body} $$"
INSERT = "insert into board.task (title) values ('x')"

# The way, what makes it, and what doctor says of it.
WAYS = {
    "a grant": (f"grant insert on board.task to {WORKER}", "may INSERT board.task"),
    "truncate": (f"grant truncate on board.task to {WORKER}", "may TRUNCATE board.task"),
    "the bundle": (
        "grant delete on board.task to onewriter_worker",
        "may DELETE board.task (and 1 more)",
    ),
    "public": ("grant update on board.task to public", "may UPDATE board.task"),
    "a view": (f"grant insert on board.titles to {WORKER}", "may INSERT board.titles"),
    "a column": (f"grant update (title) on board.task to {WORKER}", "may UPDATE board.task"),
    "a column of everybody": ("grant insert (title) on board.task to public", "may INSERT board.task"),
    "a trigger": (f"grant trigger on board.task to {WORKER}", "may TRIGGER board.task"),
    "a sequence": (
        f"grant usage on sequence board.task_id_seq to {WORKER}",
        "may USAGE of board.task_id_seq",
    ),
    "setval": (f"grant update on sequence board.task_id_seq to {WORKER}", "may UPDATE of board.task_id_seq"),
    "a membership": (
        f"create role {TEAM}; grant insert on board.task to {TEAM}; grant {TEAM} to {WORKER}",
        "may INSERT board.task (and 1 more)",
    ),
    "the handlers": (f"grant onewriter_handler to {WORKER}", "onewriter_handler may DELETE board.task"),
    "ownership": (
        f"""create table board.bare (); alter table board.bare owner to {WORKER};
            revoke all on board.bare from {WORKER}""",
        f"{WORKER} owns 1 tables",
    ),
    "an owner's member": (
        f"""create role {TEAM}; create table board.bare (); alter table board.bare owner to {TEAM};
            grant {TEAM} to {WORKER}""",
        f"{WORKER} is a member of {TEAM}, the owner of 1 tables",
    ),
    "a power": (f"grant pg_write_all_data to {WORKER}", f"{WORKER} is a member of pg_write_all_data"),
    "a definer's function": (
        DOOR.format(kind="function", returns="returns void", also="", body=INSERT),
        "may call board.add(), which writes with the rights of postgres",
    ),
    "a definer's procedure": (
        DOOR.format(kind="procedure", returns="", also="", body=INSERT),
        "may call board.add(), which writes with the rights of postgres",
    ),
    "making roles": (f"alter role {WORKER} createrole", f"{WORKER} has CREATEROLE"),
    "tables to come": (
        "alter default privileges in schema board grant insert on tables to public",
        "gets INSERT on tables that are yet made by postgres in schema board",
    ),
    "tables to come anywhere": (
        f"alter default privileges for role onewriter_test_dba grant update on tables to {WORKER}",
        "gets UPDATE on tables that are yet made by onewriter_test_dba",
    ),
    "making something": (
        f"grant create on schema board to {WORKER}",
        "may make tables and functions in board",
    ),
}
# What looks like a way and is none.
HARMLESS = {
    "reading": f"grant select on all tables in schema board to {WORKER}",
    "the handlers' own right": "grant all on board.task to onewriter_handler",
    "a definer's function that reads": DOOR.format(
        kind="function", returns="returns bigint", also="stable", body="select count(*) from board.task"
    ),
    "a trigger's function": """create function board.add() returns trigger language plpgsql security definer
        as $$ begin return new; end $$""",
    "a function of nobody's": DOOR.format(kind="function", returns="returns void", also="", body=INSERT)
    + "; revoke execute on function board.add() from public",
    "a caller's function": DOOR.format(kind="function", returns="returns void", also="", body=INSERT).replace(
        "definer", "invoker"
    ),
}

Look = Callable[[psycopg.Connection[Any]], list[Finding]]


@pytest.fixture
def apart(db: Database) -> Iterator[Database]:
    with domain_database(db) as database:
        yield database


@pytest.fixture(params=["here", "in the domain's own database"])
def place(request: pytest.FixtureRequest, db: Database) -> Iterator[tuple[psycopg.Connection[Any], Look]]:
    """A database with a board that the handlers write, and doctor's look at it."""
    if request.param == "here":
        conn = db.connect("admin")
        yield prepared(conn), lambda conn: list(writing_workers(conn, "onewriter"))
        return
    with domain_database(db) as apart:
        conn = apart.connect("admin")
        inbox.prepare(conn, HANDLER)
        yield prepared(conn), lambda conn: list(in_domain(conn, HANDLER, [], "onewriter"))


def prepared(conn: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    make_board(conn)
    grant(conn, "board", readers=["onewriter_worker"])
    return conn


def test_every_way_is_found(
    place: tuple[psycopg.Connection[Any], Look], subtests: pytest.Subtests, odd_roles: None
) -> None:
    conn, look = place
    assert look(conn) == []
    for way, (wound, said) in WAYS.items():
        with subtests.test(way), conn.transaction(force_rollback=True):
            conn.execute(wound.encode())
            found = look(conn)
            assert any(said in finding.problem for finding in found), found


def test_what_is_no_way_is_not_named(
    place: tuple[psycopg.Connection[Any], Look], subtests: pytest.Subtests
) -> None:
    conn, look = place
    for way, change in HARMLESS.items():
        with subtests.test(way), conn.transaction(force_rollback=True):
            conn.execute(change.encode())
            assert look(conn) == []


def test_what_mends_it(place: tuple[psycopg.Connection[Any], Look]) -> None:
    conn, look = place
    for way in ("a definer's function", "making something", "tables to come", "tables to come anywhere"):
        with conn.transaction(force_rollback=True):
            conn.execute(WAYS[way][0].encode())
            for finding in look(conn):
                conn.execute(finding.mend.encode())
            assert look(conn) == []


def test_the_worker_itself_refuses_the_same(db: Database, odd_roles: None) -> None:
    """worker_api.writable, which a worker asks before it starts, knows the ways by a right."""
    with db.connect("admin", autocommit=False) as conn:
        make_board(conn)
        grantless = conn.execute("select jobs.write_rights(%s)", [WORKER]).fetchall()
        conn.execute(f"grant usage on sequence board.task_id_seq to {WORKER}".encode())
        assert (grantless, len(conn.execute("select jobs.write_rights(%s)", [WORKER]).fetchall())) == ([], 1)
        conn.rollback()


WOUNDS = {
    "drop table onewriter_inbox.event": "there is no onewriter_inbox.event",
    "alter table onewriter_inbox.event drop follow": "has the columns environment, event_id, applied_at",
    "grant select on onewriter_inbox.event to public": "public has select on onewriter_inbox.event",
    f"grant select (follow) on onewriter_inbox.event to {WORKER}": f"{WORKER} has select (follow) on",
    "grant update on onewriter_inbox.event to onewriter_handler": "onewriter_handler has update on",
    "revoke insert on onewriter_inbox.event from onewriter_handler": "may not select, insert, delete in",
    "drop table onewriter_inbox.outgoing": "there is no onewriter_inbox.outgoing",
    "revoke delete on onewriter_inbox.outgoing from onewriter_handler": "may not select, insert, delete in",
    "grant insert on onewriter_inbox.outgoing to public": "public has insert on onewriter_inbox.outgoing",
    f"grant insert on onewriter_inbox.outgoing to {WORKER}": f"{WORKER} may INSERT onewriter_inbox.outgoing",
    "grant update (wish) on onewriter_inbox.outgoing to onewriter_handler": "has update (wish) on",
    f"grant onewriter_worker to {HANDLER}": f"the handlers' login {HANDLER} is a worker's too",
    f"alter role {HANDLER} superuser": f"the handlers' login {HANDLER} is a superuser",
    f"alter role {HANDLER} rename to gone": f"the handlers' login {HANDLER} does not exist",
}


def test_the_inbox_is_there_and_nobody_elses(
    apart: Database, subtests: pytest.Subtests, odd_roles: None
) -> None:
    conn = apart.connect("admin")
    inbox.prepare(conn, HANDLER)
    for wound, said in WOUNDS.items():
        with subtests.test(wound), conn.transaction(force_rollback=True):
            conn.execute(wound.encode())
            found = list(in_domain(conn, HANDLER, [], "onewriter"))
            assert any(said in finding.problem for finding in found), found


def test_who_writes_the_domain_may_ask_for_what_follows(apart: Database) -> None:
    conn = apart.connect("admin")
    inbox.prepare(conn, HANDLER)
    make_board(conn)
    grant(conn, "board", writers=[login_name("producer")])
    assert list(in_domain(conn, HANDLER, [], "onewriter")) == []


def test_a_login_is_a_workers_by_its_name_too(db: Database, apart: Database, odd_roles: None) -> None:
    """On another server nobody may have made it a member: its name where the queue is tells."""
    conn = apart.connect("admin")
    inbox.prepare(conn, HANDLER)
    make_board(conn)
    known = worker_logins(db.connect("admin"), "onewriter")
    assert {WORKER, login_name("worker2")} <= set(known)
    with conn.transaction(force_rollback=True):
        conn.execute(
            sql.SQL("create role {0} login; grant insert on board.task to {0}").format(sql.Identifier(TEAM))
        )
        assert list(in_domain(conn, HANDLER, known, "onewriter")) == []
        (finding,) = in_domain(conn, HANDLER, [*known, TEAM], "onewriter")
    assert (
        finding.problem
        == f"in {apart.name}: the worker login {TEAM} could write: {TEAM} may INSERT board.task"
    )


def test_examine_looks_at_both(db: Database, apart: Database, sound_roles: None) -> None:
    here, there = db.connect("admin"), apart.connect("admin")
    inbox.prepare(there, HANDLER)
    for conn in (here, there):
        prepared(conn)
    domain = Domain(apart.dsn("admin"), HANDLER)
    assert own(examine(db.dsn("admin"), domain=domain)) == []
    for conn in (here, there):
        conn.execute(f"grant update on board.task to {WORKER}".encode())
    said = f"the worker login {WORKER} could write: {WORKER} may UPDATE board.task"
    assert own(examine(db.dsn("admin"), domain=domain)) == [said, f"in {apart.name}: {said}"]
    assert there.execute("select count(*) from pg_proc where proname = 'write_rights'").fetchone() == (0,)


def own(findings: list[Finding]) -> list[str]:
    """Without those on other databases of the cluster, which other tests make and drop meanwhile."""
    return [f.problem for f in findings if "connect to the database" not in f.problem]
