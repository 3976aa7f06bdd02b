"""What the three children are, each with no other login than its own."""

from __future__ import annotations

import os

from app.settings import FILE_SUFFIX, PREFIX, Settings
from app.supervisor.child import Program

WORKER_DSN = "worker_database_url"
# What the worker reads, and only from its environment: whoever started this may have said it in .env.
OF_WORKER = (
    "environment",
    "tasks",
    "lease",
    "heartbeat",
    "http_allow_private",
    "region",
    "tasks_version",
    "task_timeout",
    "timeout_grace",
)
# What result handlers connect with: the API runs them.
OF_HANDLERS = ("handler_database_url", "domain_database_url")
# The kernel ends a worker first where memory runs out: what eats it is a job, and a job runs again.
EXPENDABLE = 500
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def api(settings: Settings) -> Program:
    address = ["--host", settings.host, "--port", str(settings.port)]
    return Program("api", ["app.cli", "serve", *address], _environment("database_url", *OF_HANDLERS))


def scheduler() -> Program:
    environment = _environment("database_url", "janitor_database_url")
    return Program("scheduler", ["app.cli", "scheduler"], environment)


def worker(settings: Settings, *, queues: str | None, concurrency: int | None) -> Program:
    """The stock command. Running jobs have as long as the API's requests; then they are given back."""
    options = [f"--shutdown-graceful-timeout={settings.shutdown_grace}"]
    if queues is not None:
        options.append(f"--queues={queues}")
    if concurrency is not None:
        options.append(f"--concurrency={concurrency}")
    given = [name for name in (WORKER_DSN, *OF_WORKER) if name in settings.model_fields_set]
    environment = {
        "PROCRASTINATE_LOG_FORMAT": LOG_FORMAT,
        **_environment(),
        **{PREFIX + name.upper(): str(getattr(settings, name)) for name in given},
    }
    command = ["procrastinate", "--app=worker.main.app", "worker", *options]
    return Program("worker", command, environment, EXPENDABLE)


def _environment(*dsns: str) -> dict[str, str]:
    """The shell's, of its DSNs only these; what a task prints is passed on when it is printed."""
    shell = {name: value for name, value in os.environ.items() if not _is_foreign(name, dsns)}
    return {**shell, "PYTHONUNBUFFERED": "1"}


def _is_foreign(name: str, dsns: tuple[str, ...]) -> bool:
    setting = name.removeprefix(PREFIX).removesuffix(FILE_SUFFIX).lower()
    return name.startswith(PREFIX) and setting.endswith("database_url") and setting not in dsns
