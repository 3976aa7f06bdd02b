"""The worker's settings, read once from ONEWRITER_* when a worker starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.errors import Refused

_LEASE_BOUNDS = (5, 300)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Durations are seconds. `dsn` is the worker login's and never falls back to another one."""

    dsn: str
    environment: str = "default"
    lease: int = 15
    heartbeat: float = 5.0
    task_timeout: float | None = None
    timeout_grace: float = 5.0
    blocked_after: float = 5.0
    prefetch: int = 800
    region: str | None = None
    tasks_version: str | None = None


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Raises Refused with one sentence when something is missing or cannot be read."""
    env = os.environ if environ is None else environ
    lease = int(_number(env, "ONEWRITER_LEASE", 15.0))
    if not _LEASE_BOUNDS[0] <= lease <= _LEASE_BOUNDS[1]:
        raise Refused(f"ONEWRITER_LEASE={lease}: a lease lasts 5 to 300 seconds.")
    # Three beats fit into a lease, so that one lost packet doesn't cost the session.
    heartbeat = min(_number(env, "ONEWRITER_HEARTBEAT", 5.0), lease / 3)
    timeout = _number(env, "ONEWRITER_TASK_TIMEOUT", 0.0)
    return Settings(
        dsn=_dsn(env),
        environment=env.get("ONEWRITER_ENVIRONMENT", "").strip() or "default",
        lease=lease,
        heartbeat=max(heartbeat, 0.1),
        task_timeout=timeout or None,
        timeout_grace=_number(env, "ONEWRITER_TIMEOUT_GRACE", 5.0),
        blocked_after=_number(env, "ONEWRITER_BLOCKED_AFTER", 5.0),
        prefetch=int(_number(env, "ONEWRITER_PREFETCH", 800.0)),
        region=env.get("ONEWRITER_REGION", "").strip() or None,
        tasks_version=env.get("ONEWRITER_TASKS_VERSION", "").strip() or None,
    )


def task_modules(environ: Mapping[str, str] | None = None) -> list[str]:
    """The dotted paths of ONEWRITER_TASKS."""
    env = os.environ if environ is None else environ
    return [path.strip() for path in env.get("ONEWRITER_TASKS", "").split(",") if path.strip()]


def _dsn(env: Mapping[str, str]) -> str:
    name = "ONEWRITER_WORKER_DATABASE_URL"
    if env.get(f"{name}_FILE"):
        return _secret(env[f"{name}_FILE"], name)
    if not env.get(name, "").strip():
        raise Refused(f"{name} is not set: give it the DSN of a login made with `--as worker`.")
    return env[name].strip()


def _secret(path: str, name: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise Refused(f"{name}_FILE={path}: {exc.strerror}.") from exc


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise Refused(f"{name}={text}: expected a number that is not negative.")
    return value
