"""`onewriter domain` on the command line, doctor after it, and an attack on every table of a domain."""

import json
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.support.apart import BOARD, domain_database, make_board
from tests.support.cluster import PASSWORD, Database, login_name
from tests.system.conftest import Cli

WORKER, HANDLER = login_name("worker"), login_name("handler")
# What a login might try on a table, one statement each; {0} is the table, {1} one of its columns.
ATTACKS = (
    "insert into {0} default values",
    "insert into {0} ({1}) values (default) on conflict do nothing",
    "insert into {0} overriding system value select * from {0}",
    "update {0} set {1} = default",
    "update {0} set {1} = default where false",
    "delete from {0}",
    "delete from {0} where false",
    "with gone as (delete from {0} returning *) select * from gone",
    "merge into {0} using (values (1)) v (n) on true when matched then delete",
    "merge into {0} using (values (1)) v (n) on false when not matched then insert default values",
    "truncate {0}",
    "truncate {0} restart identity cascade",
    "copy {0} from stdin",
    "copy {0} from program 'true'",
    "select * from {0} for update",
    "select * from {0} for key share",
    "lock table {0} in row exclusive mode",
    "lock table {0} in access exclusive mode",
    "alter table {0} add mine integer",
    "alter table {0} disable trigger all",
    "alter table {0} owner to current_user",
    "alter table {0} disable row level security",
    "drop table {0}",
    "create index on {0} (({1} is null))",
    "create trigger mine before update on {0} execute function suppress_redundant_updates_trigger()",
    "create rule mine as on insert to {0} do instead nothing",
    "create policy mine on {0}",
    "comment on table {0} is 'mine'",
    "grant all on {0} to current_user; delete from {0}",
    "grant all on {0} to public; delete from {0}",
    "deallocate all; prepare mine as delete from {0}; execute mine",
    "explain analyze delete from {0}",
    "create table board.mine as table {0}",
    "create view board.mine as table {0}",
    "do $$ begin delete from {0}; end $$",
    "declare mine cursor for select * from {0} for update",
)  # fmt: skip
# And to become somebody who may.
DISGUISES = (
    "set role onewriter_handler",
    "set session authorization onewriter_test_handler",
    "grant onewriter_handler to current_user",
    "alter role current_user superuser",
    "alter default privileges for role postgres grant insert on tables to current_user",
    "alter schema board owner to current_user",
    "create schema mine",
    "select setval('board.task_id_seq', 1)",
    "select nextval('board.task_id_seq')",
    "alter sequence board.task_id_seq restart",
    "set session_replication_role = replica",
    "create extension dblink",
)


@pytest.fixture
def apart(db: Database, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The domain's own database, which the settings name."""
    with domain_database(db) as database:
        monkeypatch.setenv("ONEWRITER_DOMAIN_DATABASE_URL", database.dsn("handler"))
        yield database


def test_no_worker_writes_any_table_of_either_database(
    db: Database, cli: Cli, apart: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_board(apart.connect("admin"))
    assert cli("domain", "prepare")[0] == 0
    assert cli("domain", "grant", "board", "--read", "onewriter_worker")[0] == 0
    monkeypatch.delenv("ONEWRITER_DOMAIN_DATABASE_URL")
    make_board(db.connect("admin"))
    assert cli("domain", "grant", "board", "--read", "onewriter_worker")[0] == 0
    for database in (db, apart):
        before = contents(database)
        assert done(database) == {}
        assert contents(database) == before
    assert db.connect("worker").execute("select * from worker_api.writable()").fetchall() == []


def done(database: Database) -> dict[str, str]:
    """The attacks of a worker's login that were not refused for its rights."""
    worker = database.connect("worker")
    tables = [
        (sql.Identifier(schema, name), sql.Identifier(column))
        for schema, name, column in database.connect("admin").execute(
            """select n.nspname, c.relname, (select attname from pg_attribute
                       where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum limit 1)
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where c.relkind in ('r', 'p', 'v') and n.nspname in ('board', 'onewriter_inbox')"""
        )
    ]
    assert len(tables) >= len(BOARD) // 2
    attacks = [sql.SQL(text).format(*table) for table in tables for text in ATTACKS]
    tried = {attack.as_string(worker): attempt(worker, attack) for attack in attacks}
    tried |= {text: attempt(worker, sql.SQL(text)) for text in DISGUISES}
    return {text: said for text, said in tried.items() if said is not None}


def attempt(worker: psycopg.Connection[Any], attack: sql.Composable) -> str | None:
    """None: its rights did not suffice, or there is no such thing with a view. Its wording proves nothing."""
    try:
        with worker.transaction(force_rollback=True):
            worker.execute(attack)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.WrongObjectType):
        return None
    except psycopg.Error as error:
        return str(error)
    return "done"


def contents(database: Database) -> list[Any]:
    return database.connect("admin").execute("select * from board.task").fetchall()


def test_from_nothing_to_a_clean_bill(cli: Cli, apart: Database, odd_roles: None) -> None:
    make_board(apart.connect("admin"))
    (missing,) = json.loads(cli("domain", "check", "--json")[1])
    assert missing["mend"] == "onewriter domain prepare"
    code, said, _ = cli("domain", "prepare")
    assert (code, said.splitlines()) == (
        0,
        [
            f"made in {apart.name}: the table onewriter_inbox.event",
            f"made in {apart.name}: onewriter_handler may select, insert, delete there",
            f"made in {apart.name}: the table onewriter_inbox.outgoing",
            f"made in {apart.name}: onewriter_handler may select, insert, delete in onewriter_inbox.outgoing",
        ],
    )
    assert cli("domain", "prepare") == (0, "", f"{apart.name} is prepared already\n")
    assert cli("domain", "grant", "board", "--read", WORKER)[0] == 0
    assert [(right["role"], right["to_come"]) for right in json.loads(cli("domain", "ls", "--json")[1])] == [
        ("onewriter_handler", True),
        (WORKER, True),
    ]
    assert cli("domain", "check") == (0, "", "clean\n")
    assert cli("domain", "revoke", "board") == (0, "", f"revoked from onewriter_handler, {WORKER}\n")
    assert cli("domain", "revoke", "board") == (0, "", "nothing to revoke\n")


def test_check_and_doctor_fail_when_a_worker_may_write(cli: Cli, apart: Database, odd_roles: None) -> None:
    admin = apart.connect("admin")
    make_board(admin)
    cli("domain", "prepare")
    admin.execute("grant update (title) on board.task to public")
    said = f"in {apart.name}: the worker login {WORKER} could write: "
    for command in (["domain", "check", "--json"], ["doctor", "--json"]):
        code, out, _ = cli(*command)
        assert code == 1
        assert [f for f in json.loads(out) if f["problem"].startswith(said)] != []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["grant", "jobs"], 2, "onewriter's own"),
        (["grant", "pg_catalog"], 2, "PostgreSQL's own"),
        (["grant", "nowhere"], 3, "no schema nowhere"),
        (["grant", "board", "--write", WORKER], 2, "workers get --read only"),
        (["grant", "board", "--read", "nobody"], 3, "no role nobody"),
        (["revoke", "board", "--from", "nobody"], 3, "no role nobody"),
        (["prepare"], 2, "set ONEWRITER_DOMAIN_DATABASE_URL"),
        (["prepare", "--domain", "postgresql://localhost/x"], 2, "name the handlers' login"),
        (["ls", "--domain", "postgresql://me@db.example/x"], 2, "ONEWRITER_DOMAIN_ADMIN_DATABASE_URL"),
    ],
)
def test_what_is_refused_says_why(cli: Cli, db: Database, words: list[str], code: int, said: str) -> None:
    make_board(db.connect("admin"))
    found, _, error = cli("domain", *words)
    assert (found, said in error) == (code, True), error


def test_the_option_stands_for_the_setting(cli: Cli, db: Database, odd_roles: None) -> None:
    name = f"apart_{os.getpid()}"
    with domain_database(db) as apart:
        make_board(apart.connect("admin"))
        dsn = f"postgresql://{name}:{PASSWORD}@{db.server.host}:{db.server.port}/{apart.name}"
        try:
            assert f"the login {name}" in cli("domain", "prepare", "--domain", dsn)[1]
            assert cli("domain", "grant", "board", "--domain", dsn)[0] == 0
            with psycopg.connect(dsn) as conn:
                conn.execute("insert into board.task (title) values ('by the handlers')")
            assert cli("domain", "ls", "--json")[1] == "[]\n"
        finally:
            apart.connect("admin").execute(f"drop owned by {name}; drop role {name}".encode())
