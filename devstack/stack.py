"""The database part of a stack: schema, logins, hardening, catalogue, key."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from app.schema.harden import harden
from app.schema.logins import create_login
from app.schema.migrate import migrate
from devstack.errors import Stop
from devstack.server import Address
from devstack.state import LOGINS, ROOT, State

TASKS = "ONEWRITER_TASKS"
SCHEMAS = ("jobs", "procrastinate", "worker_api", "server_api", "operator_api", "inspect")
SCOPES = ("jobs:read", "jobs:write", "jobs:operate", "admin")


@dataclass(frozen=True, slots=True)
class Stack:
    """A server, and the logins of this checkout on it."""

    state: State
    address: Address

    def dsn(self, role: str) -> str:
        """The DSN of `admin` (superuser), server, handler, worker, dba, producer or janitor."""
        if role == "admin":
            return self.address.dsn()
        return self.address.dsn(self.login(role), self.state.secret(role))

    def login(self, role: str) -> str:
        """The login's name in the database."""
        return f"onewriter_dev_{role}"

    def key(self) -> str:
        """The API key; empty before the first `up`."""
        return self.state.secret("api_key") if self.state.has_secret("api_key") else ""

    def variables(self) -> dict[str, str]:
        """ONEWRITER_* as scripts and the API's processes want them."""
        port = self.state.port("api")
        return {
            "ONEWRITER_URL": f"http://127.0.0.1:{port}",
            "ONEWRITER_API_KEY": self.key(),
            "ONEWRITER_DATABASE_URL": self.dsn("server"),
            "ONEWRITER_HANDLER_DATABASE_URL": self.dsn("handler"),
            "ONEWRITER_WORKER_DATABASE_URL": self.dsn("worker"),
            "ONEWRITER_ADMIN_DATABASE_URL": self.dsn("admin"),
            "ONEWRITER_JANITOR_DATABASE_URL": self.dsn("janitor"),
        }

    def environment(self, *names: str, **more: str) -> dict[str, str]:
        """A clean shell with only the settings that this process is meant to know."""
        mine = {name: value for name, value in self.variables().items() if name in names}
        # The one setting of the shell that is meant for the stack: which tasks its worker knows.
        # They are found from the folder in which ./dev was called.
        tasks = {TASKS: os.environ[TASKS], "PYTHONPATH": str(Path.cwd())} if TASKS in os.environ else {}
        return {**clean_environment(), **tasks, **mine, **more}

    def migrate(self) -> str:
        """Schema and contract; a sentence about them."""
        migrate(self.dsn("admin"))
        with psycopg.connect(self.dsn("admin")) as conn:
            head = _one(conn, "select version_num from jobs.alembic_version")
            functions = _one(
                conn,
                "select count(*) from pg_proc where pronamespace::regnamespace::text = any(%s)",
                [list(SCHEMAS)],
            )
        return f"head {head}, {functions} functions"

    def make_logins(self) -> None:
        """Idempotent; the passwords of an earlier run are set again."""
        with psycopg.connect(self.dsn("admin"), autocommit=True) as conn:
            for role in LOGINS:
                create_login(conn, self.login(role), role, self.state.secret(role))

    def harden(self) -> str:
        """Only on our own server; on another one a person decides."""
        if not self.address.embedded:
            return "left to you: onewriter harden"
        harden(self.dsn("admin"), cluster=True)
        return "hardened"

    def publish(self) -> str:
        """The worker prints its catalogue, the app stores it: neither imports the other."""
        count = self._publish("builtin", "--builtin")
        if TASKS in os.environ:
            count += self._publish("dev")
        return f"{count} tasks"

    def _publish(self, source: str, *options: str) -> int:
        command = [sys.executable, "-m", "worker.catalogue", *options]
        catalogue = run(command, self.environment(), "the catalogue")
        environment = self.environment("ONEWRITER_DATABASE_URL", "ONEWRITER_ADMIN_DATABASE_URL")
        publish = [program("onewriter"), "tasks", "publish", "-", "--source", source]
        run(publish, environment, "publishing", catalogue)
        return len(json.loads(catalogue)["tasks"])

    def make_key(self) -> None:
        """A key with every scope, kept in .dev; the name is new each time since names are taken for ever."""
        scopes = [part for scope in SCOPES for part in ("--scope", scope)]
        name = f"dev-{os.urandom(4).hex()}"
        environment = self.environment("ONEWRITER_DATABASE_URL")
        answer = run(
            [program("onewriter"), "keys", "create", name, *scopes, "--json"], environment, "the API key"
        )
        self.state.remember_secret("api_key", str(json.loads(answer)["key"]))


def program(name: str) -> str:
    """A console script of this environment."""
    return str(Path(sys.executable).parent / name)


def clean_environment() -> dict[str, str]:
    """The shell's variables without those that steer libpq, Procrastinate or ourselves."""
    unwanted = ("ONEWRITER_", "PROCRASTINATE_", "PG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def run(command: list[str], environment: dict[str, str], what: str, stdin: str = "") -> str:
    """Its stdout; its last word as our one line if it fails."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no word why").splitlines()
        raise Stop(f"{what} failed: {said[-1].strip()[:300]}")
    return done.stdout


def _one(conn: psycopg.Connection[Any], query: str, values: list[Any] | None = None) -> Any:
    row = conn.execute(query, values).fetchone()
    return row[0] if row else None
