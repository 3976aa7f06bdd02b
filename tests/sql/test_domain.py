"""Grants on a team's schema and the inbox: who writes, who reads, and that no worker writes. On 15 and 18."""

import os
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from app.errors import Invalid, NotFound
from app.schema import inbox
from app.schema.domain import Right, grant, list_rights, revoke
from tests.support.apart import domain_database, make_board
from tests.support.cluster import PASSWORD, Database, login_name

pytestmark = pytest.mark.pg15(soak=True)

HANDLER, WORKER = login_name("handler"), login_name("worker")


@pytest.fixture
def board(db: Database) -> psycopg.Connection[Any]:
    """The admin's connection to a database with a team's schema in it."""
    conn = db.connect("admin")
    make_board(conn)
    return conn


@pytest.fixture
def apart(db: Database) -> Iterator[Database]:
    """The domain's own database, on the same server; nothing of onewriter's is in it."""
    with domain_database(db) as database:
        yield database


def test_the_handlers_write_and_a_reader_reads(db: Database, board: psycopg.Connection[Any]) -> None:
    grant(board, "board", readers=[WORKER])
    handler, worker = db.connect("handler"), db.connect("worker")
    handler.execute("insert into board.task (title) values ('second')")
    handler.execute("update board.task set title = 'Second' where title = 'second'")
    handler.execute("delete from board.task where title = 'first'")
    assert worker.execute("select title from board.titles").fetchall() == [("Second",)]
    for refused in (
        "insert into board.task (title) values ('x')",
        "update board.task set title = 'x'",
        "delete from board.task",
        "truncate board.task",
        "select nextval('board.task_id_seq')",
        "select title from board.task for update",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute(refused.encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.connect("worker2").execute("select from board.task")


def test_it_holds_for_what_is_made_later(db: Database, board: psycopg.Connection[Any]) -> None:
    grant(board, "board", readers=[WORKER])
    board.execute("create table board.hint (id bigserial primary key)")
    db.connect("handler").execute("insert into board.hint default values")
    assert db.connect("worker").execute("select id from board.hint").fetchall() == [(1,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.connect("worker").execute("insert into board.hint default values")


def test_revoked_is_as_before(db: Database, board: psycopg.Connection[Any]) -> None:
    before = acls(board)
    grant(board, "board", readers=[WORKER, "onewriter_worker"], writers=[login_name("server")])
    grant(board, "board", readers=[WORKER, "onewriter_worker"], writers=[login_name("server")])
    assert revoke(board, "board") == ["onewriter_handler", WORKER, "onewriter_worker"]
    assert [right.role for right in list_rights(board)] == [login_name("server")]
    assert revoke(board, "board", roles=[login_name("server")]) == [login_name("server")]
    assert acls(board) == before
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.connect("handler").execute("select from board.task")
    assert db.connect("worker").execute("select 1").fetchone() == (1,)  # the queue's database stays open


def test_the_list_says_who_may_what(db: Database, board: psycopg.Connection[Any]) -> None:
    grant(board, "board", readers=["onewriter_worker"])
    board.execute("grant update (title) on board.task to onewriter_test_dba")
    board.execute("grant select on board.titles to public")
    assert list_rights(board) == [
        Right("board", "onewriter_handler", "delete, insert, select, update", 2, 2, to_come=True),
        Right("board", "onewriter_test_dba", "update of columns", 1, 2, to_come=False),
        Right("board", "onewriter_worker", "select", 2, 2, to_come=True),
        Right("board", "public", "select", 1, 2, to_come=False),
    ]


@pytest.mark.parametrize("schema", ["jobs", "procrastinate", "server_api", "onewriter_inbox", "pg_catalog",
                                    "information_schema", "pg_toast"])  # fmt: skip
def test_neither_our_schemas_nor_the_systems(db: Database, schema: str) -> None:
    conn = db.connect("admin")
    for verb in (grant, revoke):
        with pytest.raises(Invalid, match="own"):
            verb(conn, schema)


def test_names_that_do_not_exist(board: psycopg.Connection[Any]) -> None:
    with pytest.raises(NotFound, match="no schema nowhere"):
        grant(board, "nowhere")
    with pytest.raises(NotFound, match="no role nobody"):
        grant(board, "board", readers=["nobody"])
    assert list_rights(board) == []


@pytest.mark.parametrize("role", [WORKER, "onewriter_worker"])
def test_no_worker_is_granted_writing(board: psycopg.Connection[Any], role: str) -> None:
    with pytest.raises(Invalid, match="workers get --read only"):
        grant(board, "board", writers=[role])
    assert list_rights(board) == []


def test_nor_through_a_role_that_it_is_a_member_of(board: psycopg.Connection[Any], odd_roles: None) -> None:
    team = f"team_{os.getpid()}"
    board.execute(f"create role {team}".encode())
    try:
        board.execute(f"grant {team} to {WORKER}".encode())
        with pytest.raises(Invalid, match=f"{WORKER} is a worker's and would write board through {team}"):
            grant(board, "board", writers=[team])
    finally:
        board.execute(f"drop role {team}".encode())


def test_a_login_that_may_not_grant_is_told(db: Database, board: psycopg.Connection[Any]) -> None:
    board.execute("grant usage on schema board to onewriter_test_dba with grant option")
    with pytest.raises((Invalid, psycopg.errors.InsufficientPrivilege)):
        grant(db.connect("dba"), "board")


def test_odd_names_are_quoted(db: Database, board: psycopg.Connection[Any], odd_roles: None) -> None:
    name = f'Odd "{os.getpid()}"; drop schema board'
    board.execute(sql.SQL("create schema {}").format(sql.Identifier(name)))
    board.execute(sql.SQL("create table {}.t ()").format(sql.Identifier(name)))
    board.execute(sql.SQL("create role {}").format(sql.Identifier(name)))
    try:
        grant(board, name, readers=[name])
        assert [right.role for right in list_rights(board)] == [name, "onewriter_handler"]
        assert revoke(board, name, roles=[name]) == [name]
        revoke(board, name)
        assert list_rights(board) == []
    finally:
        board.execute(sql.SQL("drop owned by {}").format(sql.Identifier(name)))
        board.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def test_at_the_same_time(db: Database, board: psycopg.Connection[Any]) -> None:
    board.execute(
        "do $$ begin for i in 1..20 loop execute format('create table board.t%s ()', i); end loop; end $$"
    )
    errors: list[BaseException] = []

    def many() -> None:
        try:
            with psycopg.connect(db.dsn("admin"), autocommit=True) as conn:
                for _ in range(5):
                    grant(conn, "board", readers=[WORKER])
                    inbox.prepare(conn, HANDLER)
        except psycopg.Error as error:
            errors.append(error)

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {(right.role, right.tables) for right in list_rights(board)} == {
        ("onewriter_handler", 22),
        (WORKER, 22),
    }


# --- the domain's own database ----------------------------------------------------------------------------


def test_the_inbox_is_made_once_and_is_the_handlers(apart: Database) -> None:
    admin = apart.connect("admin")
    assert inbox.prepare(admin, HANDLER) == [
        "the table onewriter_inbox.event",
        "onewriter_handler may select, insert, delete there",
        "the table onewriter_inbox.outgoing",
        "onewriter_handler may select, insert, delete in onewriter_inbox.outgoing",
    ]
    assert inbox.prepare(admin, HANDLER) == []
    handler = apart.connect("handler")
    note = "insert into onewriter_inbox.event (environment, event_id, follow) values ('default', 7, '[]')"
    handler.execute(note.encode())
    with pytest.raises(psycopg.errors.UniqueViolation):
        handler.execute(note.encode())
    handler.execute("insert into onewriter_inbox.event (environment, event_id) values ('staging', 7)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        handler.execute("update onewriter_inbox.event set follow = '[1]'")
    assert handler.execute("select follow from onewriter_inbox.event").fetchall() == [([],), ([],)]
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        apart.connect("worker")


def test_grants_there_let_in_and_out_again(db: Database, apart: Database) -> None:
    admin = apart.connect("admin")
    inbox.prepare(admin, HANDLER)
    make_board(admin)
    grant(admin, "board", readers=[WORKER])
    apart.connect("handler").execute("insert into board.task (title) values ('by a handler')")
    assert apart.connect("worker").execute("select count(*) from board.task").fetchone() == (2,)
    revoke(admin, "board")
    assert apart.connect("handler").execute("select count(*) from onewriter_inbox.event").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        apart.connect("worker")


def test_who_writes_no_more_may_ask_for_nothing(apart: Database) -> None:
    admin, producer = apart.connect("admin"), login_name("producer")
    inbox.prepare(admin, HANDLER)
    make_board(admin)
    grant(admin, "board", writers=[producer])
    apart.connect("producer").execute("insert into onewriter_inbox.outgoing (wish) values ('{}')")
    revoke(admin, "board", roles=[producer])
    may = "select has_table_privilege(%s, 'onewriter_inbox.outgoing', 'insert')"
    assert admin.execute(may, [producer]).fetchone() == (False,)
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        apart.connect("producer")


def test_a_login_is_made_where_there_is_none(apart: Database, odd_roles: None) -> None:
    name, admin = f"apart_{os.getpid()}", apart.connect("admin")
    with pytest.raises(Invalid, match="no password to make it with"):
        inbox.prepare(admin, name)
    try:
        made = inbox.prepare(admin, name, PASSWORD)
        assert made[:2] == [f"the login {name}", f"{name} a member of onewriter_handler"]
        assert inbox.prepare(admin, name, "another") == []
        apart.made.add(name)
        apart.connect(name).execute(
            "insert into onewriter_inbox.event (environment, event_id) values ('x', 1)"
        )
    finally:
        admin.execute(f"drop role if exists {name}".encode())


@pytest.mark.parametrize(("role", "said"), [("worker", "a worker's login"), ("admin", "a superuser")])
def test_the_wrong_login_for_handlers(apart: Database, role: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        inbox.prepare(apart.connect("admin"), login_name(role))


def acls(conn: psycopg.Connection[Any]) -> list[Any]:
    """Whatever anybody but the owner holds in the schema, now and on what is made later."""
    return conn.execute(
        """with acl (name, owner, acl) as (
             select nspname, nspowner, nspacl from pg_namespace where nspname = 'board'
              union all select relname, relowner, relacl from pg_class
               where relnamespace = 'board'::regnamespace
              union all select 'default', defaclrole, defaclacl from pg_default_acl)
           select name, a.* from acl, aclexplode(acl) a where a.grantee <> owner order by 1, 2, 3, 4"""
    ).fetchall()
