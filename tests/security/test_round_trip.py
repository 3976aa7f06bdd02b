"""Hardening goes back without a trace, and an undone 15 goes through pg_upgrade to 18."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.schema.access import live_access, read_access
from app.schema.harden import harden, plan, unharden
from devstack import binaries
from devstack.accounts import hand_over, run_as
from devstack.postgres import Cluster
from tests.conftest import FOLDER, _system15
from tests.support.cluster import TEMPLATE, Database, Server, boot, cluster_at
from tests.support.protocol import Session, done, enqueue, job, status

_RIGHTS = """
select 'function ' || oid::regprocedure, r.* from pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) r
union all
select 'language ' || lanname, r.* from pg_language, aclexplode(coalesce(lanacl, acldefault('l', lanowner))) r
union all
select 'relation ' || oid::regclass, r.* from pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner))) r
 where relkind in ('r', 'v')
union all
select 'schema ' || nspname, r.* from pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) r
 where nspname !~ '^pg_t'
union all
select 'database ' || datname, r.* from pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) r
 where datname = any(%s)
union all
select 'parameter ' || parname, r.* from pg_parameter_acl, aclexplode(paracl) r"""


def rights(dsn: str, *databases: str) -> set[Any]:
    """Every right that anybody has on anything, defaults spelled out."""
    with psycopg.connect(dsn) as conn:
        return set(conn.execute(_RIGHTS, [list(databases)]).fetchall())


@pytest.fixture
def virgin(postgres: Server) -> Iterator[str]:
    """The DSN of a database that was never hardened."""
    name = f"virgin_{os.getpid()}"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as conn:
        conn.execute(f"create database {name}".encode())
        yield postgres.dsn(name)
        conn.execute(f"drop database {name} with (force)".encode())


@pytest.mark.pg15
def test_harden_and_undo_leave_what_was_there(virgin: str) -> None:
    name = virgin.rpartition("/")[2]
    before = rights(virgin, name)
    for _ in range(2):
        assert harden(virgin)
        hardened = rights(virgin, name)
        assert len(before - hardened) > 60
        assert harden(virgin) == []
        assert unharden(virgin)
        assert rights(virgin, name) == before
        assert unharden(virgin) == []


@pytest.mark.pg15
def test_undo_goes_back_to_postgresqls_defaults_not_to_yours(virgin: str) -> None:
    """What somebody revoked before is not remembered: docs/security.md says so, and --dry-run prints it."""
    with psycopg.connect(virgin, autocommit=True) as conn:
        conn.execute("revoke execute on function pg_sleep(double precision) from public")
        harden(virgin)
        unharden(virgin)
        row = conn.execute("select has_function_privilege('public', 'pg_sleep(double precision)', 'execute')")
        assert row.fetchone() == (True,)


@pytest.mark.pg15
def test_the_template_of_new_databases_is_not_touched(virgin: str) -> None:
    """Rights on the catalogue are per database: one made after hardening is open, and doctor names it."""
    harden(virgin)
    assert rights(virgin.rpartition("/")[0] + "/template1")
    with psycopg.connect(virgin.rpartition("/")[0] + "/template1") as conn:
        assert plan(conn)
    unharden(virgin)


@pytest.fixture
def folder(pytestconfig: pytest.Config) -> Path:
    return pytestconfig.stash[FOLDER] / f"upgrade-{os.getpid()}"


@pytest.fixture
def clusters(folder: Path) -> Iterator[tuple[Cluster, Cluster]]:
    """One on 15 with an installation in it, an empty one on 18."""
    new_programs, old_programs = binaries.find(), _system15()
    if new_programs.major < 18 or not (new_programs.bindir / "pg_upgrade").exists():
        pytest.skip(f"no pg_upgrade to 18 or later in {new_programs.bindir}")
    old, new = cluster_at(folder / "old", old_programs), cluster_at(folder / "new", new_programs)
    try:
        yield old, new
    finally:
        old.remove()
        new.remove()


def test_an_undone_15_goes_through_pg_upgrade(clusters: tuple[Cluster, Cluster], folder: Path) -> None:
    """With --cluster, which only a cluster of one's own allows a test: the round trip on 15, then on 18."""
    old, new = clusters
    server = boot(old)
    (waiting,) = _with_a_job(Database(server, TEMPLATE))
    _round_trip(server)
    assert "pg_catalog" in _granted(new, folder, server)
    unharden(server.dsn(TEMPLATE))
    assert "pg_catalog" not in _granted(new, folder, server), (
        "what 18 would have to repeat on its own catalogue"
    )
    marked = _marks_columns(server)
    old.stop()
    if marked:
        pytest.skip("this build of 15 writes an option (pg_attver) to every column, which 18's restore refuses:"
                    " it can't be upgraded, with or without onewriter")  # fmt: skip
    _upgrade(old, new, folder)

    server = Server(new.start(), new.binaries.major)
    harden(server.dsn(TEMPLATE))
    _round_trip(server)
    with psycopg.connect(server.dsn(TEMPLATE)) as conn:
        assert live_access(conn) == read_access()
    _finish(Database(server, TEMPLATE), waiting)


@pytest.mark.soak
def test_the_whole_cluster_goes_back_on_18(own_cluster: tuple[Cluster, Server]) -> None:
    _round_trip(own_cluster[1])


def _marks_columns(server: Server) -> bool:
    """Asked of a database without onewriter."""
    with psycopg.connect(server.dsn("postgres")) as conn:
        found = "select exists (select from pg_attribute where attoptions::text like '%pg_attver%')"
        return conn.execute(found).fetchone() == (True,)


def _granted(new: Cluster, folder: Path, server: Server) -> str:
    """The grants in a dump by 18's programs, which is what pg_upgrade replays."""
    dump = _run(new, folder, "pg_dump", "--schema-only", f"--dbname={server.dsn(TEMPLATE)}")
    return "\n".join(line for line in dump.splitlines() if line.startswith(("GRANT", "REVOKE")))


def _with_a_job(db: Database) -> list[int]:
    ids = enqueue(db.connect("server"), job())
    db.close()
    return ids


def _finish(db: Database, waiting: int) -> None:
    worker = Session(db)
    (held,) = worker.claim()
    worker.exchange(done=[done(held, 1)])
    assert (held["id"], status(db.connect("server"), waiting)) == (waiting, "succeeded")
    db.close()


def _round_trip(server: Server) -> None:
    """From hardened over the whole cluster and back, twice the same."""
    dsn, names = server.dsn(TEMPLATE), (TEMPLATE, "postgres", "template1")
    hardened = rights(dsn, *names)
    harden(dsn, cluster=True)
    with psycopg.connect(server.dsn(TEMPLATE)) as conn:
        assert plan(conn, cluster=True) == []
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(server.dsn("postgres", "onewriter_test_worker"))
    unharden(dsn, cluster=True)
    with psycopg.connect(server.dsn("postgres", "onewriter_test_worker")) as conn:
        assert conn.execute("select pg_try_advisory_xact_lock(1)").fetchone() == (True,)
    harden(dsn)
    assert rights(dsn, *names) == hardened


def _upgrade(old: Cluster, new: Cluster, folder: Path) -> None:
    new.prepare(None)
    _run(new, folder, "pg_checksums", "--disable", "--pgdata", str(new.data))  # 15 makes none
    _run(
        new, folder, "pg_upgrade", "--username=postgres", "--link",
        f"--old-bindir={old.binaries.bindir}", f"--new-bindir={new.binaries.bindir}",
        f"--old-datadir={old.data}", f"--new-datadir={new.data}", f"--socketdir={new.sockets}",
    )  # fmt: skip


def _run(cluster: Cluster, folder: Path, program: str, *arguments: str) -> str:
    """What it prints. As the server's account, in a folder where it may leave its logs."""
    place = folder / "run"
    hand_over(place, cluster.account, 0o755)
    hand_over(cluster.sockets, cluster.account, 0o755)
    ran = subprocess.run(
        [cluster.binaries.path(program), *arguments],
        cwd=place, capture_output=True, text=True, check=False, **run_as(cluster.account),
    )  # fmt: skip
    logs = [
        log.read_text(errors="replace")[-2000:]
        for log in cluster.data.glob("pg_upgrade_output.d/*/log/*.log")
    ]
    assert ran.returncode == 0, "\n".join([ran.stdout, ran.stderr, *logs])
    return ran.stdout
