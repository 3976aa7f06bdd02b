"""The benchmark's own server: embedded, durable, made for one run and gone afterwards."""

import contextlib
import fcntl
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from devstack import binaries
from devstack.accounts import can_enter, server_account
from devstack.postgres import Cluster, socket_folder
from devstack.state import ROOT, State

# Durable as in production. The rest is what everybody sets first: memory, and no checkpoint in mid-run.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "log_line_prefix": "%u@%d ",
}
# log_statement writes one such line for each statement, whether simple or prepared, and none for a Parse.
_STATEMENT = rb"^([a-z0-9_]+)@[a-z0-9_]+ LOG:  (?:statement|execute [^:]*): .*"


@dataclass(frozen=True, slots=True)
class Server:
    """A running cluster that trusts everybody on 127.0.0.1."""

    port: int
    log: Path

    def dsn(self, database: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres", user: str = "postgres") -> psycopg.Connection[Any]:
        """In autocommit; the caller closes it."""
        return psycopg.connect(self.dsn(database, user), autocommit=True)

    def one(self, query: str, values: list[Any] | None = None, database: str = "postgres") -> Any:
        """The first column of the first row, as superuser."""
        with self.connect(database) as conn:
            row = conn.execute(query.encode(), values).fetchone()
        return row[0] if row else None

    def create_database(self, name: str, owner: str | None = None) -> None:
        """Fresh; `owner` becomes a login if it isn't one."""
        with self.connect() as conn:
            if (
                owner is not None
                and conn.execute("select from pg_roles where rolname = %s", [owner]).rowcount == 0
            ):
                conn.execute(sql.SQL("create role {} login").format(sql.Identifier(owner)))
            statement = sql.SQL("create database {} owner {}")
            conn.execute(statement.format(sql.Identifier(name), sql.Identifier(owner or "postgres")))

    def checkpoint(self) -> None:
        """What one peer left dirty is not written while another one is measured."""
        with self.connect() as conn:
            conn.execute("checkpoint")

    @contextlib.contextmanager
    def counting_statements(self, text: str = "") -> Iterator[Counter[str]]:
        """Statements with this text by login while the block runs; exact: the server logs each one."""
        statement = re.compile(_STATEMENT + re.escape(text.encode()), re.MULTILINE)
        counted: Counter[str] = Counter()
        self._log_statements("all")
        start = self.log.stat().st_size
        try:
            yield counted
        finally:
            with self.log.open("rb") as log:
                log.seek(start)
                counted.update(login.decode() for login in statement.findall(log.read()))
            self._log_statements("none")
            # Our own ends the counting and is not part of what was counted.
            counted.pop("postgres", None)

    def _log_statements(self, which: str) -> None:
        with self.connect() as conn:
            conn.execute(f"alter system set log_statement = '{which}'".encode())
            conn.execute("select pg_reload_conf()")
        # A new connection that has it shows that the reload is through; older ones look at each statement.
        while self.one("show log_statement") != which:
            pass


def unreached() -> Server:
    """For a client's process, which is given a DSN and never touches the server otherwise."""
    return Server(0, Path())


@contextlib.contextmanager
def booted() -> Iterator[Server]:
    """One benchmark of a checkout at a time: two would measure each other."""
    state = State(ROOT / ".dev")
    state.make()
    with (state.folder / "bench.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cluster = make_cluster(state)
        cluster.remove()
        cluster.log.unlink(missing_ok=True)
        cluster.prepare(None)
        try:
            yield Server(cluster.start(), cluster.log)
        finally:
            cluster.remove()


def make_cluster(state: State) -> Cluster:
    """The benchmark's own, wherever its account may enter."""
    account = server_account()
    home = state.folder if can_enter(state.folder, account) else state.shelf()
    programs = binaries.readable(binaries.find(), account, home if account is None else state.shelf())
    data, sockets, log = (
        home / "bench-pg",
        socket_folder(home / "bench-sock"),
        state.logs / "bench-postgres.log",
    )
    return Cluster(data, sockets, log, programs, account, SETTINGS)
