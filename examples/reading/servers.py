"""A PostgreSQL server of the domain's own, and a streaming standby of it."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from devstack import binaries
from devstack.accounts import hand_over, run_as, server_account
from devstack.errors import Stop
from devstack.postgres import Cluster, environment, socket_folder

# Two small servers that nobody misses: no waiting for the disk.
SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "20"}


@dataclass(frozen=True, slots=True)
class Servers:
    """The ports, and who may do anything; both trust whoever is on this machine."""

    primary: int
    standby: int

    def dsn(self, where: str, user: str = "postgres", password: str = "") -> str:
        login = f"{user}:{password}" if password else user
        return f"postgresql://{login}@127.0.0.1:{getattr(self, where)}/postgres"


@contextmanager
def primary_and_standby() -> Iterator[Servers]:
    """Both run until the end; nothing of them is left."""
    folder = Path(tempfile.mkdtemp(prefix="onewriter-reading-"))
    folder.chmod(0o755)
    primary, standby = (_cluster(folder / name) for name in ("primary", "standby"))
    try:
        primary.prepare(None)
        port = primary.start()
        _copy(primary, port, standby)
        yield Servers(port, standby.start())
    finally:
        standby.remove()
        primary.remove()
        shutil.rmtree(folder, ignore_errors=True)


def lsn(dsn: str) -> str:
    """Where the primary's log ends now: what a reader on the standby has to wait for."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute("select pg_current_wal_lsn()::text").fetchone()
    assert row is not None
    return str(row[0])


def _cluster(folder: Path) -> Cluster:
    account = server_account()
    hand_over(folder, account, 0o755)
    programs = binaries.readable(binaries.find(), account, folder)
    return Cluster(folder / "pg", socket_folder(folder / "sock"), folder / "log", programs, account, SETTINGS)


def _copy(primary: Cluster, port: int, standby: Cluster) -> None:
    """A base backup that, started, follows the primary (-R writes standby.signal and where to)."""
    source = f"host=127.0.0.1 port={port} user=postgres"
    command = [primary.binaries.path("pg_basebackup"), "-d", source, "-D", str(standby.data)]
    done = subprocess.run(
        [*command, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync"],
        capture_output=True, text=True, cwd="/", env=environment(), check=False,
        **run_as(standby.account),
    )  # fmt: skip
    if done.returncode != 0:
        raise Stop(f"pg_basebackup failed: {done.stderr.strip().splitlines()[-1][:200]}")
