"""app without worker in the tree, worker without app; what each imports; which logins a worker refuses."""

import json
import os
import shutil
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from tests.support.processes import ROOT, Processes, address, run
from tests.support.stage import Stage

# An editable install may put the checkout on the path again: what holds the other package goes.
_ALONE = """
import importlib.util, pathlib, runpy, sys
absent, program, *arguments = sys.argv[1:]
sys.path = [place for place in sys.path if not (pathlib.Path(place or '.') / absent / '__init__.py').exists()]
assert importlib.util.find_spec(absent) is None, f'{absent} can still be imported'
sys.argv = [program, *arguments]
"""
SERVE = _ALONE + "from app.cli.main import main; main()"
WORK = _ALONE + "runpy.run_module('procrastinate', run_name='__main__')"
WORKER_OPTIONS = ("procrastinate", "--app=worker.main.app", "worker")

_CLOSURE = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):
    if not module.name.endswith('__main__'):
        importlib.import_module(module.name)
print(json.dumps(sorted(sys.modules)))
"""
_APP_OF_WORKER = """
import json, sys
from worker.main import app
app.perform_import_paths()
import worker.process
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is installed."""
    copy = tmp_path / "tree"
    for name in ("app", "worker", "sql", "migrations"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_the_api_serves_without_the_worker(stage: Stage, tree: Path) -> None:
    shutil.rmtree(tree / "worker")
    api = stage.processes.start(
        "api",
        [sys.executable, "-c", SERVE, "worker", "onewriter", "serve", "--port", "0"],
        {"ONEWRITER_DATABASE_URL": stage.db.dsn("server")},
        tree=tree,
    )
    stage.until(lambda: address(api) or not api.running())
    assert get(f"{address(api)}/livez")["status"] == "alive"
    stage.until(lambda: "LISTEN" not in str(ready(f"{address(api)}/readyz")))
    assert ready(f"{address(api)}/readyz")["status"] == "ready"
    assert api.stop() == 0


def test_the_worker_runs_a_job_without_the_app(stage: Stage, tree: Path) -> None:
    shutil.rmtree(tree / "app")
    worker = stage.processes.start(
        "worker",
        [sys.executable, "-c", WORK, "app", *WORKER_OPTIONS],
        {"ONEWRITER_WORKER_DATABASE_URL": stage.db.dsn("worker")},
        tree=tree,
    )
    job = stage.enqueue("echo", {"a": [1, "ü"]})
    assert stage.ended(job)["status"] == "succeeded"
    assert stage.attempts(job)[0]["result"] == {"a": [1, "ü"]}
    assert worker.stop() == 0


def test_the_scheduler_leads_without_the_worker(stage: Stage, tree: Path) -> None:
    shutil.rmtree(tree / "worker")
    scheduler = stage.processes.start(
        "scheduler",
        [sys.executable, "-c", SERVE, "worker", "onewriter", "scheduler"],
        {"ONEWRITER_DATABASE_URL": stage.db.dsn("server")},
        tree=tree,
    )
    stage.until(lambda: "leading" in scheduler.output() or not scheduler.running())
    assert scheduler.stop() == 0


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def ready(url: str) -> Any:
    try:
        return get(url)
    except urllib.error.HTTPError as refused:
        with refused:
            return json.load(refused)


def closure(code: str, *arguments: str) -> set[str]:
    """Every module that a fresh interpreter has after this."""
    return set(json.loads(run([sys.executable, "-c", code, *arguments])))


def of(modules: set[str], *packages: str) -> list[str]:
    return sorted(
        name
        for name in modules
        if name.startswith(tuple(f"{package}." for package in packages)) or name in packages
    )


def test_the_worker_imports_none_of_the_servers_libraries() -> None:
    modules = closure(_APP_OF_WORKER)
    assert of(modules, "worker.tasks.http_request")
    assert (
        of(modules, "app", "devstack", "sqlalchemy", "alembic", "aiohttp.web", "structlog", "jsonschema_rs")
        == []
    )


def test_no_module_of_the_worker_imports_the_app() -> None:
    assert of(closure(_CLOSURE, "worker"), "app", "devstack", "sqlalchemy", "alembic", "aiohttp.web") == []


def test_no_module_of_the_app_imports_the_worker() -> None:
    assert of(closure(_CLOSURE, "app"), "worker", "devstack") == []


# --- logins that a worker refuses ----------------------------------------------------------------------


def refusal(processes: Processes, dsn: str) -> str:
    worker = processes.worker(dsn)
    assert worker.wait() == 2, worker.output()
    assert "Traceback" not in worker.output()
    return worker.output()


def test_a_superuser_is_refused(stage: Stage) -> None:
    assert "postgres is a superuser" in refusal(stage.processes, stage.db.dsn("admin"))


def test_the_migrators_login_is_refused(stage: Stage) -> None:
    """It inherits nothing, so that it may not even ask."""
    assert "no worker" in refusal(stage.processes, stage.db.dsn("migrator"))


Roles = Callable[..., AbstractContextManager[tuple[str, str]]]


@pytest.fixture
def roles(stage: Stage, odd_roles: None) -> Roles:
    """Called with statements about {login} and {group}: makes both, for a `with`."""
    return partial(_roles, stage)


@contextmanager
def _roles(stage: Stage, *statements: str) -> Iterator[tuple[str, str]]:
    """A worker's login and a group of this test alone, gone afterwards: roles belong to the whole cluster."""
    login, group = f"test_login_{os.getpid()}", f"test_group_{os.getpid()}"
    admin = stage.db.connect("admin")
    names = {"login": sql.Identifier(login), "group": sql.Identifier(group)}
    made = ("create role {group}", "create role {login} login in role onewriter_worker", *statements)
    try:
        for statement in made:
            admin.execute(sql.SQL(statement).format(**names))
        yield login, group
    finally:
        for statement in ("drop owned by {group}, {login}", "drop role {login}", "drop role {group}"):
            admin.execute(sql.SQL(statement).format(**names))


@pytest.mark.parametrize(
    ("right", "named"),
    [
        ("insert on public.notes", "may INSERT public.notes"),
        ("update (body) on public.notes", "may UPDATE public.notes"),
        ("truncate on public.notes", "may TRUNCATE public.notes"),
    ],
)
@pytest.mark.pg15
def test_an_inherited_right_is_named(stage: Stage, roles: Roles, right: str, named: str) -> None:
    statements = (
        "create table public.notes (body text)",
        f"grant {right} to {{group}}",
        "grant {group} to {login}",
    )
    with roles(*statements) as (login, _):
        assert named in refusal(stage.processes, stage.db.server.dsn(stage.db.name, login))


@pytest.mark.parametrize("how", ["", " with inherit false"])
def test_a_member_of_the_owner_is_refused(stage: Stage, roles: Roles, how: str) -> None:
    """Also one that would have to SET ROLE first."""
    with roles(f"grant onewriter_api to {{login}}{how}") as (login, _):
        said = refusal(stage.processes, stage.db.server.dsn(stage.db.name, login))
        assert f"{login} is a member of onewriter_api" in said


def test_a_right_to_write_everything_is_named(stage: Stage, roles: Roles) -> None:
    with roles("grant pg_write_all_data to {login}") as (login, _):
        said = refusal(stage.processes, stage.db.server.dsn(stage.db.name, login))
        assert "pg_write_all_data" in said


def test_the_owner_of_a_table_is_refused(stage: Stage, roles: Roles) -> None:
    statements = ("create table public.notes (body text)", "alter table public.notes owner to {login}")
    with roles(*statements) as (login, _):
        assert f"{login} owns" in refusal(stage.processes, stage.db.server.dsn(stage.db.name, login))


def test_a_login_that_is_no_worker_is_refused(stage: Stage) -> None:
    assert "no worker" in refusal(stage.processes, stage.db.dsn("producer"))
