"""Where nothing was hardened a login makes temporary objects: none of our functions ever uses one. On 15 and 18.

The shadows raise with the name of whoever ran them; a definer function that met one would say onewriter_api.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest

from app.schema.harden import unharden
from tests.security.battlefield import Battlefield, changed
from tests.support.cluster import Server, clone
from tests.support.protocol import Session, done, enqueue, job, release, retry

pytestmark = pytest.mark.pg15(soak=True)

BODY = "language plpgsql as 'begin raise exception ''%s ran as %%'', current_user; end'"
TABLES = (
    "session",
    "procrastinate_jobs",
    "queue",
    "task",
    "attempt",
    "late_results",
    "subscription",
    "run",
    "pg_class",
    "pg_roles",
)
FUNCTIONS = (
    "jsonb_array_length(jsonb) returns integer",
    "clock_timestamp() returns timestamptz",
    "pg_notify(text, text) returns void",
    "gen_random_uuid() returns uuid",
    "octet_length(text) returns integer",
    "make_interval(secs double precision) returns interval",
    "md5(text) returns text",
    "now() returns timestamptz",
    "pg_backend_pid() returns integer",
    "cardinality(anyarray) returns integer",
    "status_of(procrastinate.procrastinate_job_status, smallint) returns text",
    "claim(bigint, text[], integer, integer, boolean, jsonb) returns void",
    "settle(bigint, bigint[], integer[], text[], text[]) returns void",
    "give_back(bigint, text, jsonb) returns void",
    "fail_with(text, text, jsonb) returns void",
    "held_session(bigint, text) returns bigint",
)  # fmt: skip
DOMAINS = ("jsonb", "json", "text", "bigint", "int8", "timestamptz", "integer", "name", "job_to_defer")
OPERATORS = (
    ("=", "bigint", "bigint", "boolean"),
    ("=", "text", "text", "boolean"),
    ("=", "name", "name", "boolean"),
    ("->>", "jsonb", "integer", "text"),
    ("->", "jsonb", "text", "jsonb"),
    ("||", "text", "text", "text"),
    ("+", "timestamptz", "interval", "timestamptz"),
    ("<", "timestamptz", "timestamptz", "boolean"),
    ("@>", "jsonb", "jsonb", "boolean"),
)


@pytest.fixture
def naked(postgres: Server) -> Iterator[Battlefield]:
    """A battlefield that was never hardened."""
    with clone(postgres, f"naked_{os.getpid()}") as db:
        unharden(db.dsn("admin"))
        yield Battlefield(db)


def shadows() -> Iterator[str]:
    """Every statement works for a login with TEMP and a language, which is PostgreSQL's default."""
    for table in TABLES:
        yield f"create temporary table {table} (id bigint, login name, secret text, status text, args jsonb)"
        yield f"create rule shadow as on insert to pg_temp.{table} do instead nothing"
    for function in FUNCTIONS:
        yield f"create function pg_temp.{function} {BODY % function.partition('(')[0]}"
    for domain in DOMAINS:
        yield f"create domain pg_temp.{domain} as pg_catalog.text check (pg_catalog.length(value) < 1)"
    for name, left, right, result in OPERATORS:
        function = f"pg_temp.o{OPERATORS.index((name, left, right, result))}"
        yield f"create function {function}({left}, {right}) returns {result} {BODY % 'an operator'}"
        yield f"create operator pg_temp.{name} (leftarg = {left}, rightarg = {right}, function = {function})"


def cast_shadows(conn: psycopg.Connection[object]) -> int:
    """How many stand; each name is qualified, since the shadows themselves shadow."""
    conn.execute("set search_path = pg_catalog")
    made = 0
    for statement in shadows():
        conn.execute(statement.encode())
        made += 1
    conn.execute("set search_path = pg_temp, worker_api, server_api, procrastinate, pg_catalog")
    return made


def test_a_workers_shadows_are_never_met(naked: Battlefield) -> None:
    """The whole protocol works as if they were not there."""
    server = naked.db.connect("server")
    enqueue(server, *[job(queue="mine", lock=f"a{n}") for n in range(3)])
    attacker = Session(naked.db, "worker", queues=["mine"])
    assert cast_shadows(attacker.connection) > 60
    one, two, three = attacker.claim(3)
    answer = attacker.exchange(done=[done(one, 1)], retry=[retry(two, 60)], release=[release(three)])
    assert "stale" not in answer and "failed" not in answer
    assert attacker.exchange(done=[done(naked.held, "stolen")])["stale"] == [naked.held["id"]]
    assert "secret" in attacker.resume()
    assert attacker.close() == {"returned": 0}
    shadow = attacker.connection.execute("select worker_api.writable()").fetchall()
    assert shadow == []
    statuses = server.execute("select status from server_api.job where queue = 'mine' order by id").fetchall()
    assert statuses == [("succeeded",), ("scheduled",), ("ready",)]
    assert naked.still_answers()


def test_a_producers_shadows_are_never_met(naked: Battlefield) -> None:
    producer = naked.db.connect("producer", prepare_threshold=None)
    assert cast_shadows(producer) > 60
    row = producer.execute(
        "select server_api.enqueue('echo'::pg_catalog.text, pg_catalog.jsonb '{\"a\": 1}', queue => 'mine')"
    ).fetchone()
    stock = producer.execute(
        "select procrastinate.procrastinate_defer_jobs_v1(array[row('mine', 'echo', 0, null, null, '{}', null)"
        "::procrastinate.procrastinate_job_to_defer_v1])"
    ).fetchone()
    assert row is not None and stock is not None
    kept = naked.admin.execute(
        "select args, status::text from procrastinate.procrastinate_jobs where queue_name = 'mine' order by id"
    ).fetchall()
    assert kept == [({"a": 1}, "todo"), ({}, "todo")]


def test_a_dbas_shadows_and_leaky_functions_see_nothing(naked: Battlefield) -> None:
    """A function that tells what it is given, cheap enough for the planner to ask first."""
    dba = naked.db.connect("dba", prepare_threshold=None)
    before = naked.fingerprint(catalogues=False)
    dba.execute("""create function pg_temp.leak(anyelement) returns boolean cost 0.0000001 language plpgsql
                   as 'begin raise notice ''%'', $1; return true; end'""")
    heard: list[str] = []
    dba.add_notice_handler(lambda notice: heard.append(str(notice.message_primary)))
    for view in (
        "inspect.jobs",
        "inspect.attempts",
        "inspect.workers",
        "inspect.late_results",
        "inspect.audit",
    ):
        dba.execute(f"select * from {view} as v where pg_temp.leak(v)".encode())
    assert heard
    assert not [canary for canary in naked.canaries if canary in str(heard)]
    assert cast_shadows(dba) > 60
    assert dba.execute("select operator_api.cancel(%s, 'x')", [naked.waiting]).fetchone() == ("cancelled",)
    touched = changed(before, naked.fingerprint(catalogues=False))
    assert touched == ["jobs.audit", "jobs.audit_head", "jobs.job_event", "procrastinate.procrastinate_jobs"]


def test_the_leaky_function_of_a_worker_sees_its_own_jobs_alone(naked: Battlefield) -> None:
    worker = naked.db.connect("worker", prepare_threshold=None)
    worker.execute("""create function pg_temp.leak(text) returns boolean cost 0.0000001 language plpgsql
                      as 'begin raise exception ''%'', $1; end'""")
    rows = worker.execute("select id from worker_api.running where pg_temp.leak(args::text)").fetchall()
    assert rows == []


def test_the_shadows_do_work_where_nothing_is_pinned(naked: Battlefield) -> None:
    """Or these tests would prove nothing: the same login's own statements meet tables and types.

    Functions and operators in pg_temp PostgreSQL itself never finds by a bare name.
    """
    worker = naked.db.connect("worker", prepare_threshold=None)
    cast_shadows(worker)
    assert worker.execute("select pg_catalog.count(*) from pg_class").fetchone() == (0,)
    with pytest.raises(psycopg.errors.CheckViolation):
        worker.execute("select 'x'::text")
    assert worker.execute("select md5('x'::pg_catalog.text) is not null").fetchone() == (True,)
