"""Real PostgreSQL for tests: clusters booted once, a migrated and hardened template, a clone per test."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from app.schema.harden import harden
from app.schema.logins import create_login
from app.schema.migrate import migrate
from devstack import binaries
from devstack.accounts import can_enter, server_account
from devstack.binaries import Binaries
from devstack.postgres import Cluster, socket_folder
from tests.support.clone import Clone

TEMPLATE = "onewriter_template"
PASSWORD = "tests-only"  # the cluster trusts everybody on 127.0.0.1; the tests' DSNs look like real ones
LOGINS = {
    "server": "server",
    "handler": "handler",
    "worker": "worker",
    "worker2": "worker",
    "producer": "producer",
    "dba": "dba",
    "janitor": "janitor",
    "migrator": "migrator",
}
SETTINGS = {
    "max_connections": "300",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "log_error_verbosity": "verbose",
}
# Nothing survives a crash of the machine then, and no test crashes the machine.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Server:
    """Where a cluster listens; plain values, so that xdist can hand it to its workers."""

    port: int
    major: int
    host: str = "127.0.0.1"

    def dsn(self, database: str, user: str = "postgres") -> str:
        """A URL for psycopg and libpq."""
        return f"postgresql://{user}:{PASSWORD}@{self.host}:{self.port}/{database}"


def login_name(role: str) -> str:
    """The test login of a role; `admin` is the superuser."""
    return "postgres" if role == "admin" else f"onewriter_test_{role}"


class Database:
    """One test's own clone. A `role` is `admin`, one of LOGINS, or a login in `made`."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.made: set[str] = set()
        self._opened: list[psycopg.Connection[Any] | psycopg.AsyncConnection[Any]] = []

    def dsn(self, role: str) -> str:
        """The DSN with which production would connect."""
        if role in self.made:
            return self.server.dsn(self.name, role)
        if role != "admin" and role not in LOGINS:
            raise ValueError(f"no test login for {role!r}: admin, {', '.join(LOGINS)}")
        return self.server.dsn(self.name, login_name(role))

    def connect(self, role: str, **options: Any) -> psycopg.Connection[Any]:
        """A connection in autocommit; closed with the test if the test does not."""
        connection = psycopg.connect(self.dsn(role), **{"autocommit": True, **options})
        self._opened.append(connection)
        return connection

    async def aconnect(self, role: str, **options: Any) -> psycopg.AsyncConnection[Any]:
        """The same for asyncio."""
        connection = await psycopg.AsyncConnection.connect(self.dsn(role), **{"autocommit": True, **options})
        self._opened.append(connection)
        return connection

    def close(self) -> None:
        """Whatever is still open, of either kind and without its event loop."""
        for connection in self._opened:
            connection.pgconn.finish()


def cluster_at(folder: Path, programs: Binaries, *, durable: bool = False) -> Cluster:
    """A cluster for tests in a folder of its own; `durable` for tests that kill the postmaster."""
    account = server_account()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    if not can_enter(folder, account):
        raise PermissionError(
            f"{folder} is closed to {account and account.name}; set TMPDIR to a folder open to all"
        )
    return Cluster(
        data=folder / "pg",
        sockets=socket_folder(folder / "sock"),
        log=folder / "postgres.log",
        binaries=binaries.readable(programs, account, folder),
        account=account,
        settings=SETTINGS if durable else {**SETTINGS, **NOT_DURABLE},
    )


def boot(cluster: Cluster) -> Server:
    """Start it and make the template."""
    cluster.prepare(None)
    server = Server(cluster.start(), cluster.binaries.major)
    make_template(server)
    return server


def make_template(server: Server) -> None:
    """As `./dev up` and a production set-up do it: migrate, logins, harden."""
    dsn = server.dsn(TEMPLATE)
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("create database {} is_template true").format(sql.Identifier(TEMPLATE)))
    migrate(dsn)
    with psycopg.connect(dsn, autocommit=True) as conn:
        for role, kind in LOGINS.items():
            create_login(conn, login_name(role), kind, PASSWORD)
    harden(dsn)


@contextlib.contextmanager
def clone(server: Server, name: str, *, template: str = TEMPLATE, armed: bool = True) -> Iterator[Database]:
    """A database of its own, made from the template and dropped whoever is still connected."""
    with Clone(user="postgres", host=server.host, port=server.port, dbname=name, template_dbname=template):
        database = Database(server, name)
        if armed:
            arm(database)
        try:
            yield database
        finally:
            database.close()


def arm(database: Database) -> None:
    """A clone is in quarantine; this is what `onewriter arm` does, without a line in the audit."""
    with psycopg.connect(database.dsn("admin"), autocommit=True) as conn:
        conn.execute("update jobs.environment set place = jobs.place()")


class Folder:
    """The session's folder with all its clusters; gone with pytest, however pytest ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="onewriter-test-"))
        self.path.chmod(0o755)
        self._reaper = subprocess.Popen(
            ["/bin/sh", "-c", _REAP, "reap", str(self.path)], stdin=subprocess.PIPE, start_new_session=True
        )

    def remove(self) -> None:
        """The reaper does it as soon as its pipe closes, which a killed pytest does too."""
        assert self._reaper.stdin is not None
        self._reaper.stdin.close()
        self._reaper.wait()
        shutil.rmtree(self.path, ignore_errors=True)


_REAP = """
cat >/dev/null
for file in "$1"/*/pg/postmaster.pid; do
    [ -f "$file" ] && kill -QUIT "$(head -n 1 "$file")" 2>/dev/null
done
for try in 1 2 3 4 5; do rm -rf "$1" 2>/dev/null && break; sleep 0.2; done
"""
