"""The three processes of a stack, and how each of them shows that it is ready."""

import os
from typing import Any

import psycopg

from devstack import processes
from devstack.errors import Stop
from devstack.http import Api
from devstack.ports import choose
from devstack.processes import Background
from devstack.stack import TASKS, Stack, program
from devstack.state import State

API_PORT = 8080
SLOTS = 4
# In the order in which they are stopped: nobody's partner goes first.
NAMES = ("worker", "scheduler", "api")
LISTENS = "select 1 from pg_stat_activity where application_name = 'onewriter scheduler listen'"
SESSION = "select 1 from jobs.session where lost_at is null and closed_at is null and login = %s limit 1"


def start_all(stack: Stack) -> str:
    """A line about them."""
    said = {"api": start_api(stack), "scheduler": start_scheduler(stack), "worker": start_worker(stack)}
    named = {"api": f"api :{stack.state.port('api')}", "worker": f"worker ({SLOTS} slots)"}
    return " · ".join(
        named.get(name, name) + (" (restarted)" if word == "restarted" else "") for name, word in said.items()
    )


def stop_all(state: State) -> list[str]:
    """The names of those that ran."""
    return [name for name in NAMES if processes.stop(state, name)]


def start_api(stack: Stack) -> str:
    """On 8080, or where it was last time, or on any free port if that is taken."""
    known = stack.state.port("api")
    if processes.find(stack.state, "api") is None or known is None:
        known = choose(known, API_PORT)
        stack.state.remember_port("api", known)
    try:
        return _api(stack, known)
    except Stop:
        # Somebody took the port between the look and the start: once more on another one.
        processes.stop(stack.state, "api")
        if choose(known) == known:
            raise
        stack.state.remember_port("api", choose(API_PORT))
        return _api(stack, stack.state.port("api") or API_PORT)


def start_scheduler(stack: Stack) -> str:
    environment = stack.environment("ONEWRITER_DATABASE_URL", "ONEWRITER_JANITOR_DATABASE_URL")
    command = (program("onewriter"), "scheduler")
    process = Background(stack.state, "scheduler", command, environment, ("app",))
    return process.ensure(lambda: exists(stack, LISTENS))


def start_worker(stack: Stack) -> str:
    """It may fetch from this machine, so that the first job has something to fetch without a network."""
    environment = stack.environment(
        "ONEWRITER_WORKER_DATABASE_URL",
        ONEWRITER_HTTP_ALLOW_PRIVATE="127.0.0.1",
        PROCRASTINATE_LOG_FORMAT="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # Without tasks of somebody's it takes the built-in ones only: it would fail what it doesn't know.
    queues = () if TASKS in os.environ else ("-q", "default,webhooks")
    command = (program("procrastinate"), "--app=worker.main.app", "worker", "-c", str(SLOTS), *queues)
    process = Background(stack.state, "worker", command, environment, ("worker",))
    return process.ensure(lambda: exists(stack, SESSION, stack.login("worker")))


def exists(stack: Stack, query: str, *values: Any) -> bool:
    """Whether the database has such a row."""
    with psycopg.connect(stack.dsn("admin")) as conn:
        return conn.execute(query, values).fetchone() is not None


def _api(stack: Stack, port: int) -> str:
    environment = stack.environment(
        "ONEWRITER_DATABASE_URL", ONEWRITER_HOST="127.0.0.1", ONEWRITER_PORT=str(port)
    )
    process = Background(stack.state, "api", (program("onewriter"), "serve"), environment, ("app",))
    api = Api(port)
    return process.ensure(lambda: api.status("/readyz") == 200, lambda: api.problem("/readyz"))
