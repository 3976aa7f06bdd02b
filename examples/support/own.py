"""A whole onewriter of an example's own: a database beside the developer's, an API and a scheduler on it.

For what must not be done to somebody else's: stopping the scheduler, other settings, killing workers.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.schema.logins import admit_login
from app.schema.migrate import migrate
from devstack.errors import Stop
from examples.support.api import Api
from examples.support.commands import make_key
from examples.support.processes import Process, Processes
from examples.support.story import until
from examples.support.system import ADMIN, HANDLER, JANITOR, SERVER, WORKER, System, logins

KINDS = {SERVER: "server", WORKER: "worker", HANDLER: "handler", JANITOR: "janitor"}


@contextmanager
def own_system(name: str, processes: Processes) -> Iterator[System]:
    """Its API serves; the scheduler is started by the example. The database is dropped at the end."""
    given = logins()
    with own_database(f"onewriter_example_{name}", given[ADMIN]) as database:
        given = moved(given, database)
        make_schema(given)
        system = System(given, processes, Api(""))
        api = start_api(system)
        try:
            yield replace(system, api=Api(url_of(api), make_key(given[SERVER])))
        finally:
            processes.end_all()


@contextmanager
def own_database(name: str, admin: str) -> Iterator[str]:
    """An empty one; what a killed run has left of it is dropped first."""
    drop = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
    with psycopg.connect(admin, autocommit=True) as conn:
        # Held as long as this connection: a second run would drop the first one's database.
        if conn.execute("select pg_try_advisory_lock(hashtext(%s))", [name]).fetchone() != (True,):
            raise Stop(f"the database {name} is in use: this example runs already")
        conn.execute(drop)
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            conn.execute(drop)


def moved(given: Mapping[str, str], database: str) -> dict[str, str]:
    """The same logins in another database of the same server."""
    return {name: make_conninfo(dsn, dbname=database) for name, dsn in given.items()}


def make_schema(given: Mapping[str, str]) -> None:
    """As `./dev up` does it; its logins are let in, as they are."""
    migrate(given[ADMIN])
    with psycopg.connect(given[ADMIN], autocommit=True) as conn:
        for name in KINDS.keys() & given.keys():
            admit_login(conn, str(conninfo_to_dict(given[name])["user"]), KINDS[name])


def start_api(system: System, port: int = 0) -> Process:
    """0: any. `processes.named("api")` is it."""
    return system.start("api", "serve", "--port", str(port), needs=(SERVER,))


def url_of(server: Process) -> str:
    """Once it serves."""

    def announced() -> re.Match[str] | None:
        if not server.running():
            raise Stop(f"{server.name} ended: {server.last_line()}")
        return re.search(r"serving on (http://\S+)", server.output())

    found = until(announced, f"{server.name} serves")
    assert found is not None
    return found[1]


def start_scheduler(system: System, **settings: str) -> Process:
    """One that leads."""
    needs = tuple(name for name in (SERVER, JANITOR) if name in system.logins)
    scheduler = system.start("scheduler", "scheduler", needs=needs, **settings)
    until(lambda: "leading" in scheduler.output() or not scheduler.running(), "the scheduler leads")
    if not scheduler.running():
        raise Stop(f"the scheduler ended: {scheduler.last_line()}")
    return scheduler
