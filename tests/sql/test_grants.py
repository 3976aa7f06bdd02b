"""No login writes a table: by the catalogues, by the page, and by trying. On 15 and 18."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from app.schema.grants import live_grants, read_page
from app.schema.roles import BUNDLES, SCHEMAS
from app.schema.sqlfiles import ContractError, read_contract, read_grants
from tests.support.cluster import LOGINS, Database, login_name

pytestmark = pytest.mark.pg15(soak=True)

# Among them the migrator: it may once it says SET ROLE; before that it has no right at all.
ROLES = list(LOGINS)
WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


WAYS_ROUND = (
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    "select lo_import('/etc/hostname')",
    "create table stolen (x integer)",
    "create table public.stolen (x integer)",
    "create temporary table stolen (x integer)",
    "create schema stolen",
    "do $$ begin null; end $$",
    "create function public.f() returns integer language sql as 'select 1'",
    "select nextval('procrastinate.procrastinate_jobs_id_seq')",
    "select setval('procrastinate.procrastinate_jobs_id_seq', 1)",
    "copy procrastinate.procrastinate_jobs from stdin",
    "set role onewriter_api",
    "set session authorization postgres",
    "select pg_terminate_backend(0)",
    "select pg_advisory_lock(1)",
    "select * from jobs.api_key",
    "select secret from jobs.session",
    "select args from procrastinate.procrastinate_jobs",
    "comment on table procrastinate.procrastinate_jobs is 'mine'",
    "begin; lock table procrastinate.procrastinate_jobs in share mode",
)


def relations(conn: psycopg.Connection[Any], kinds: str) -> list[str]:
    rows = conn.execute(
        """select format('%%I.%%I', relnamespace::regnamespace, relname) from pg_class
           where relnamespace = any(%s::text[]::regnamespace[]) and relkind = any(%s) order by 1""",
        [list(SCHEMAS), list(kinds)],
    )
    return [name for (name,) in rows]


def test_the_page_is_the_database(same_db: Database) -> None:
    with same_db.connect("admin") as conn:
        live = live_grants(conn)
    page = read_page(read_grants())
    assert live - page == set(), "granted, but on no line of grants.sql"
    assert page - live == set(), "on the page, but not granted"


def test_execute_is_exactly_as_on_the_page(same_db: Database) -> None:
    page = read_page(read_grants())
    allowed = {(grant.role, grant.name) for grant in page if grant.kind == "function"}
    bundles = [f"onewriter_{bundle}" for bundle in BUNDLES if bundle != "api"]
    with same_db.connect("admin") as conn:
        rows = conn.execute(
            """select r, pronamespace::regnamespace || '.' || proname
               from pg_proc p, unnest(%s::text[]) r
               where pronamespace = any(%s::text[]::regnamespace[])
                 and has_function_privilege(r, p.oid, 'execute')""",
            [[*bundles, "public"], list(SCHEMAS)],
        ).fetchall()
    assert set(rows) == allowed


@pytest.mark.parametrize("role", ROLES)
def test_no_login_holds_a_writing_right(same_db: Database, role: str) -> None:
    with same_db.connect("admin") as conn:
        privileges = [*WRITES, *(["MAINTAIN"] if conn.info.server_version >= 170_000 else [])]
        rights = conn.execute(
            """select c.oid::regclass::text, p from pg_class c, unnest(%(privileges)s::text[]) p
               where relnamespace = any(%(schemas)s::text[]::regnamespace[])
                 and relkind in ('r', 'v', 'p', 'm', 'f')
                 and has_table_privilege(%(login)s, c.oid, p)
               union all
               select c.oid::regclass::text, 'a column: ' || p
               from pg_class c, unnest(array['INSERT', 'UPDATE', 'REFERENCES']) p
               where relnamespace = any(%(schemas)s::text[]::regnamespace[]) and relkind in ('r', 'v', 'p')
                 and has_any_column_privilege(%(login)s, c.oid, p)
               union all
               select c.oid::regclass::text, p from pg_class c, unnest(array['USAGE', 'UPDATE']) p
               where relnamespace = any(%(schemas)s::text[]::regnamespace[]) and relkind = 'S'
                 and has_sequence_privilege(%(login)s, c.oid, p)
               union all
               select nspname, 'CREATE' from pg_namespace where nspname = any(%(schemas)s)
                 and has_schema_privilege(%(login)s, nspname, 'CREATE')""",
            {"privileges": privileges, "schemas": list(SCHEMAS), "login": login_name(role)},
        ).fetchall()
    assert rights == []


@pytest.mark.parametrize("role", ["worker", "producer", "janitor"])
def test_no_worker_may_write_any_table_of_the_database(same_db: Database, role: str) -> None:
    with same_db.connect("admin") as conn:
        rights = conn.execute(
            """select c.oid::regclass::text from pg_class c
               where relkind in ('r', 'p', 'v', 'm', 'f') and (
                     has_table_privilege(%(login)s, c.oid, 'insert, update, delete, truncate')
                     or has_any_column_privilege(%(login)s, c.oid, 'insert, update'))
                 -- PostgreSQL's own default: a setting changed through this view lasts for the session
                 and c.oid <> 'pg_catalog.pg_settings'::regclass""",
            {"login": login_name(role)},
        ).fetchall()
    assert rights == []


@pytest.mark.parametrize("role", ROLES)
def test_each_attempt_to_write_is_refused(same_db: Database, role: str) -> None:
    with same_db.connect("admin") as admin:
        tables, columns = relations(admin, "r"), _first_columns(admin)
    outcomes = {}
    with same_db.connect(role) as conn:
        for table in tables:
            for attempt in _attempts(table, columns[table]):
                outcomes[attempt] = _sqlstate(conn, attempt)
    wrong = {attempt: state for attempt, state in outcomes.items() if state != "42501"}
    assert len(outcomes) >= 4 * 15
    assert not wrong


def test_a_forbidden_write_says_permission_denied(same_db: Database) -> None:
    """The product in one line: the table is on the path, so the answer is not "does not exist"."""
    for role in ("server", "worker", "producer", "dba", "janitor"):
        with (
            same_db.connect(role) as conn,
            pytest.raises(errors.InsufficientPrivilege, match="permission denied for table"),
        ):
            conn.execute("update procrastinate_jobs set status = 'succeeded'")


@pytest.mark.parametrize("role", ["server", "worker", "producer", "dba", "janitor"])
def test_ways_round_are_refused(same_db: Database, role: str) -> None:
    with same_db.connect(role) as conn:
        outcomes = {attempt: _sqlstate(conn, attempt) for attempt in WAYS_ROUND}
    assert outcomes == dict.fromkeys(WAYS_ROUND, "42501")


def test_a_new_function_of_the_owner_is_closed_to_public(db: Database) -> None:
    with db.connect("admin") as conn:
        conn.execute("set role onewriter_api")
        conn.execute("create function jobs.fresh() returns integer language sql as 'select 1'")
        may = conn.execute("select has_function_privilege('public', 'jobs.fresh()', 'execute')").fetchone()
    assert may == (False,)


def test_definer_functions_pin_their_path(same_db: Database) -> None:
    with same_db.connect("admin") as conn:
        loose = conn.execute(
            """select oid::regprocedure::text, proconfig from pg_proc
               where prosecdef and pronamespace = any(%s::text[]::regnamespace[])
                 and not exists (
                     select from unnest(proconfig) c where c ~ '^search_path=pg_catalog, .*pg_temp$')""",
            [list(SCHEMAS)],
        ).fetchall()
    assert loose == []


def test_internal_functions_are_closed_and_callable_ones_are_granted() -> None:
    page = read_page(read_grants())
    granted: dict[str, set[str]] = {}
    for grant in page:
        if grant.kind == "function":
            granted.setdefault(grant.name, set()).add(grant.role)
    files = {f.qualified: f for f in read_contract() if not f.is_view}
    for name in granted.keys() & {name for name in files if name.startswith("jobs.")}:
        # A view's functions run with the rights of who reads it, so those that only compute are granted too.
        assert "security definer" not in files[name].text
        assert files[name].fields["Writes"] == "nothing"
        del granted[name]
    said = {name: set(file.listed("Caller")) - {"internal"} for name, file in files.items()}
    assert {name: roles for name, roles in said.items() if roles and not name.startswith("jobs.")} == granted


def test_only_plain_grants_stand_on_the_page() -> None:
    with pytest.raises(ContractError, match="plain grants"):
        read_page("revoke execute on function jobs.f from onewriter_worker;")


def _first_columns(conn: psycopg.Connection[Any]) -> dict[str, str]:
    rows = conn.execute(
        """select format('%%I.%%I', relnamespace::regnamespace, relname), quote_ident(attname) from pg_class c
           join lateral (select attname from pg_attribute
                         where attrelid = c.oid and attnum > 0 and not attisdropped
                         order by attnum limit 1) a on true
           where relnamespace = any(%s::text[]::regnamespace[]) and relkind = 'r'""",
        [list(SCHEMAS)],
    )
    return dict(rows.fetchall())


def _attempts(table: str, column: str) -> Iterator[str]:
    yield f"insert into {table} default values"
    yield f"update {table} set {column} = {column}"
    yield f"delete from {table}"
    yield f"truncate {table}"


def _sqlstate(conn: psycopg.Connection[Any], statement: str) -> str | None:
    try:
        conn.execute(statement.encode())
    except psycopg.Error as error:
        conn.rollback()
        return error.sqlstate
    return None
