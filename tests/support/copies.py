"""Copies of a database as people make them: by TEMPLATE, by pg_dump, by pg_basebackup."""

import contextlib
import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import psycopg
from psycopg import sql

from devstack import binaries
from devstack.accounts import hand_over, run_as
from devstack.binaries import Binaries
from devstack.postgres import Cluster, environment, socket_folder
from tests.support.cluster import Database, Server, clone

_numbers = itertools.count(1)


@contextlib.contextmanager
def cloned(db: Database) -> Iterator[Database]:
    """CREATE DATABASE ... TEMPLATE, with the rights and settings of the original; closes its connections."""
    db.close()
    with clone(db.server, _name(db), template=db.name, armed=False) as copy:
        yield copy


@contextlib.contextmanager
def restored(db: Database) -> Iterator[Database]:
    """pg_dump into an empty database of the same cluster."""
    copy = Database(db.server, _name(db))
    with _admin(db.server) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(copy.name)))
    try:
        load(copy, dump(db))
        yield copy
    finally:
        copy.close()
        with _admin(db.server) as conn:
            conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(copy.name)))


def dump(db: Database, *options: str) -> str:
    """The SQL of everything in it, as its superuser sees it."""
    return _run(db.server, "pg_dump", *options, db.dsn("admin"))


def load(db: Database, script: str) -> None:
    _run(db.server, "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", db.dsn("admin"), given=script)


@contextlib.contextmanager
def standby(primary: Cluster, server: Server) -> Iterator[tuple[Cluster, Server]]:
    """A streaming standby of `server`, with what was committed before the call."""
    cluster = replace(
        primary,
        data=primary.data.with_name("standby"),
        sockets=socket_folder(primary.data.with_name("standby-sock")),
        log=primary.data.with_name("standby.log"),
    )
    hand_over(cluster.data.parent, None, 0o777)
    program = cluster.binaries.path("pg_basebackup")
    command = [program, "-D", str(cluster.data), "-R", "-c", "fast", "-d", server.dsn("postgres")]
    subprocess.run(
        command, check=True, capture_output=True, cwd="/", env=environment(), **run_as(cluster.account)
    )
    try:
        yield cluster, Server(cluster.start(), server.major)
    finally:
        cluster.remove()


def _run(server: Server, program: str, *options: str, given: str = "") -> str:
    found = _programs(server)
    done = subprocess.run(
        [found.path(program), *options], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _programs(server: Server) -> Binaries:
    embedded = binaries.find()
    found = embedded if embedded.major == server.major else binaries.system(server.major)
    assert found is not None
    return found


def _name(db: Database) -> str:
    return f"{db.name}_copy_{next(_numbers)}"


def _admin(server: Server) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(server.dsn("postgres"), autocommit=True)
