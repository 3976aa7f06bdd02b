"""What .dev remembers, and how it is spelled."""

import os
import socket
import stat
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from devstack import checks, ports, server
from devstack.errors import Stop
from devstack.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / ".dev")
    state.make()
    return state


def test_a_secret_is_made_once_and_is_ours_alone(state: State) -> None:
    assert state.secret("worker") == state.secret("worker") != state.secret("server")
    assert stat.S_IMODE((state.folder / "secrets.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_a_file_cut_short_counts_as_none(state: State, content: str) -> None:
    (state.folder / "secrets.json").write_text(content)
    assert not state.has_secret("worker")
    assert state.secret("worker")


def test_forgetting_leaves_the_environment(state: State) -> None:
    state.remember_port("api", 1)
    state.secret("worker")
    (state.folder / "venv").mkdir()
    state.forget()
    assert state.port("api") is None
    assert not state.has_secret("worker")
    assert (state.folder / "venv").exists()


def test_a_shelf_of_somebody_else_is_refused(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = state.shelf()
    try:
        uid = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
        with pytest.raises(Stop, match="belongs to somebody else"):
            state.shelf()
    finally:
        shelf.rmdir()


def test_a_taken_port_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.choose(port, None) != port
    assert ports.choose(port) == port


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:p%40%3A%2Fw@127.0.0.1:5432/db",
        "host=/var/run/postgresql user=u dbname=db",
        "host=a,b port=1,2 user=u password='x y' dbname=db target_session_attrs=read-write",
        "postgresql://u@[::1]:5432/db?sslmode=require",
        "user=u dbname=db",
    ],
)
def test_a_url_says_the_same_as_the_parameters(dsn: str) -> None:
    parameters = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    assert conninfo_to_dict(server.url(parameters)) == parameters


def test_a_foreign_server_that_is_not_there_is_one_line() -> None:
    with pytest.raises(Stop, match=r"^ONEWRITER_DEV_SERVER: .*refused"):
        server.foreign(f"postgresql://postgres@127.0.0.1:{ports.choose()}/postgres")


def test_every_checker_is_called() -> None:
    assert set(checks.commands()) == {"ruff", "format", "mypy", "imports", "pgspot"}


def test_psql_is_the_wheels() -> None:
    assert Path(server.psql()).exists()
    assert psycopg.pq.version() > 150000
