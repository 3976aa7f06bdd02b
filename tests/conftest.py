"""Every test's database: one cluster for all xdist workers, a fresh clone per test."""

import contextlib
import fcntl
import itertools
import json
import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest

# Before anything of ours is imported: no setting of the shell may reach a test.
for _name in [name for name in os.environ if name.startswith(("ONEWRITER_", "PROCRASTINATE_", "PG"))]:
    del os.environ[_name]

from devstack import binaries  # noqa: E402
from devstack.binaries import Binaries  # noqa: E402
from tests.support.cluster import Database, Folder, Server, boot, clone, cluster_at  # noqa: E402


class BootFailed(Exception):
    """The test cluster or its template could not be made; the text is the traceback."""


SYSTEM_MAJOR = 15
FOLDER = pytest.StashKey[Path]()
CLEANUP = pytest.StashKey[Folder]()
_numbers = itertools.count(1)

hypothesis.settings.register_profile("onewriter", deadline=None)
hypothesis.settings.load_profile("onewriter")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the long tests too")
    parser.addoption(
        "--postgres", type=int, metavar="MAJOR", help="every test on the system's PostgreSQL MAJOR"
    )


def pytest_configure(config: pytest.Config) -> None:
    """The controller boots the cluster; xdist's workers are told where it is."""
    if hasattr(config, "workerinput"):
        config.stash[FOLDER] = Path(config.workerinput["onewriter_folder"])
        return
    if config.option.collectonly or getattr(config.option, "help", False):
        return
    folder = Folder()
    config.stash[CLEANUP] = folder
    config.stash[FOLDER] = folder.path
    with contextlib.suppress(BootFailed):  # the tests that need no database can still speak
        _server(folder.path, _embedded(config))


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(CLEANUP, None)
    if folder is not None:
        folder.remove()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["onewriter_folder"] = str(node.config.stash[FOLDER])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--soak"):
        return
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.skip(reason="long; runs with --soak"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test marked pg15 runs twice: on the embedded server and on the system's 15 (soak=True: if --soak)."""
    mark = metafunc.definition.get_closest_marker("pg15")
    if "postgres" in metafunc.fixturenames and mark:
        marks = [pytest.mark.soak] if mark.kwargs.get("soak") else []
        system15 = pytest.param("system15", marks=marks)
        metafunc.parametrize("postgres", ["embedded", system15], indirect=True)


@pytest.fixture(scope="session")
def _booted(pytestconfig: pytest.Config) -> Callable[[str], Server]:
    servers: dict[str, Server] = {}

    def find(which: str) -> Server:
        if which not in servers:
            programs = _system15() if which == "system15" else _embedded(pytestconfig)
            servers[which] = _server(pytestconfig.stash[FOLDER], programs)
        return servers[which]

    return find


@pytest.fixture
def postgres(request: pytest.FixtureRequest, _booted: Callable[[str], Server]) -> Server:
    """The cluster that this test's database is on."""
    return _booted(getattr(request, "param", "embedded"))


@pytest.fixture
def db(postgres: Server) -> Iterator[Database]:
    """A migrated, hardened database with logins, of this test alone."""
    with clone(postgres, f"test_{os.getpid()}_{next(_numbers)}") as database:
        yield database


@pytest.fixture(scope="session")
def _lent() -> Iterator[Callable[[Server], Database]]:
    made: dict[int, Database] = {}
    with contextlib.ExitStack() as stack:

        def find(server: Server) -> Database:
            if server.port not in made:
                made[server.port] = stack.enter_context(clone(server, f"same_{os.getpid()}_{next(_numbers)}"))
            return made[server.port]

        yield find


@pytest.fixture
def same_db(postgres: Server, _lent: Callable[[Server], Database]) -> Database:
    """One for all tests of a process that change nothing: a clone each would be most of their time."""
    return _lent(postgres)


@pytest.fixture
def odd_roles(postgres: Server) -> Iterator[None]:
    """For tests that make roles which doctor would name: roles belong to the whole cluster."""
    with _lock_of_roles(postgres, "pg_advisory_lock_shared"):
        yield


@pytest.fixture
def sound_roles(postgres: Server) -> Iterator[None]:
    """For tests that expect no such role: waits until other tests' are gone, and keeps new ones away."""
    with _lock_of_roles(postgres, "pg_advisory_lock"):
        yield


@contextlib.contextmanager
def _lock_of_roles(server: Server, take: str) -> Iterator[None]:
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as conn:
        conn.execute(f"select {take}(1)".encode())
        yield


@pytest.fixture
def own_cluster(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Any]:
    """A durable cluster of one test, which may kill its postmaster: (cluster, server).

    Kill `cluster.pid()`, revive with `cluster.start(server.port)`; `clone(server, name)` makes databases.
    """
    folder = pytestconfig.stash[FOLDER] / f"own-{os.getpid()}-{next(_numbers)}"
    cluster = cluster_at(folder, _embedded(pytestconfig), durable=True)
    server = boot(cluster)
    try:
        yield cluster, server
    finally:
        cluster.remove()


def _embedded(config: pytest.Config) -> Binaries:
    major = config.getoption("--postgres")
    if major is None:
        return binaries.find()
    found = binaries.system(major)
    if found is None:
        raise pytest.UsageError(f"PostgreSQL {major} is not installed in {binaries.SYSTEM}")
    return found


def _system15() -> Binaries:
    found = binaries.system(SYSTEM_MAJOR)
    if found is not None:
        return found
    reason = f"PostgreSQL {SYSTEM_MAJOR} is not installed in {binaries.SYSTEM}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI must not skip")
    pytest.skip(reason)


def _server(folder: Path, programs: Binaries) -> Server:
    """The cluster with these programs; the first process that asks for it boots it, the others wait."""
    known = folder / f"server-{programs.major}.json"
    failed = known.with_suffix(".failed")
    with known.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if failed.exists():
            raise BootFailed(failed.read_text())
        if not known.exists():
            known.write_text(json.dumps(asdict(_boot(folder, programs, failed))))
    return Server(**json.loads(known.read_text()))


def _boot(folder: Path, programs: Binaries, failed: Path) -> Server:
    try:
        return boot(cluster_at(folder / f"postgres-{programs.major}", programs))
    except Exception as error:
        failed.write_text("".join(traceback.format_exception(error)))
        raise BootFailed(failed.read_text()) from error
