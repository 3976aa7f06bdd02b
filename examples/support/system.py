"""A onewriter to play on: its logins and its API, and the programs that an example runs beside it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from devstack.errors import Stop
from devstack.stack import program, run
from examples.support import commands
from examples.support.api import Api
from examples.support.processes import Process, Processes, environment
from examples.support.story import until

SERVER, WORKER, ADMIN = (
    "ONEWRITER_DATABASE_URL",
    "ONEWRITER_WORKER_DATABASE_URL",
    "ONEWRITER_ADMIN_DATABASE_URL",
)
JANITOR, HANDLER = "ONEWRITER_JANITOR_DATABASE_URL", "ONEWRITER_HANDLER_DATABASE_URL"


@dataclass(frozen=True, slots=True)
class System:
    """`logins` are ONEWRITER_*DATABASE_URL by name: each program is given no more of them than it needs."""

    logins: Mapping[str, str]
    processes: Processes
    api: Api

    def worker(self, name: str, *options: str, **settings: str) -> Process:
        """`procrastinate worker -n NAME OPTIONS`; see `wait_for_sessions`."""
        command = ("procrastinate", "--app=worker.main.app", "worker", "-n", name, *options)
        return self.processes.start(name, command, {**self._only(WORKER), **settings})

    def handlers(self, module: str) -> Process:
        """Subscribes to what the module's handlers are for, and `onewriter handlers run` on them."""
        self.run("handlers", "publish", needs=(SERVER,), ONEWRITER_HANDLERS=module)
        return self.start("handlers", "handlers", "run", needs=(SERVER, HANDLER), ONEWRITER_HANDLERS=module)

    def run(self, *command: str, needs: tuple[str, ...], **settings: str) -> str:
        """What a command of onewriter's prints. Raises Stop with its last word where it fails."""
        return commands.run(command, environment({**self._only(*needs), **settings}))

    def start(self, name: str, *command: str, needs: tuple[str, ...], **settings: str) -> Process:
        """A program of onewriter's that goes on until the end."""
        return self.processes.start(name, ("onewriter", *command), {**self._only(*needs), **settings})

    def wait_for_sessions(self, *workers: Process) -> None:
        """Until each of them may be given jobs."""
        pids = {worker.pid for worker in workers}
        query = """select count(*) as n from inspect.workers
                    where (info ->> 'pid')::int = any(%s) and state = 'live'"""

        def met() -> bool:
            for worker in workers:
                if not worker.running():
                    raise Stop(f"{worker.name} ended: {worker.last_line()}")
            return int(self.rows(query, list(pids))[0]["n"]) == len(pids)

        until(met, "every worker has its session", 60)

    def publish(self, module: str, source: str) -> None:
        """The worker's side prints the catalogue of a task module, the API's side stores it."""
        given = environment({"ONEWRITER_TASKS": module})
        catalogue = run([program("python"), "-m", "worker.catalogue"], given, "the catalogue")
        commands.publish(self.logins[SERVER], catalogue, source)

    def rows(self, query: str, *params: Any) -> list[dict[str, Any]]:
        """Evidence, as the superuser sees it."""
        with psycopg.connect(self.logins[ADMIN], row_factory=dict_row) as conn:
            return conn.execute(query.encode(), params).fetchall()

    def _only(self, *names: str) -> dict[str, str]:
        return {name: self.logins[name] for name in names}


def logins() -> dict[str, str]:
    """Those of the running `./dev up`. Raises Stop where there is none."""
    found = {name: value for name, value in os.environ.items() if name.endswith("DATABASE_URL")}
    if missing := [name for name in (SERVER, WORKER, ADMIN) if name not in found]:
        raise Stop(f"{missing[0]} is not set: run ./dev up, then ./dev example NAME")
    return {name: value for name, value in found.items() if name.startswith("ONEWRITER_")}
