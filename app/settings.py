"""Every setting, read once per process: flags > ONEWRITER_* > ONEWRITER_*_FILE > .env > default."""

import os
import re
from datetime import timedelta
from math import isinf
from pathlib import Path
from typing import Annotated, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import BeforeValidator, Field, PlainSerializer, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "ONEWRITER_"
FILE_SUFFIX = "_FILE"
HIDDEN = "********"
NEVER = "never"
DEFAULT_ENVIRONMENT = "default"
UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
OWN_CONSUMERS = ("flows", "webhooks")
_AGE = re.compile(r"(\d{1,10})\s*([dhms]?)")


def read_age(value: Any) -> timedelta | None:
    """`7d`, `12h`, `90m`, `3600s` or seconds; `never` and 0 are None: kept for ever. Raises ValueError."""
    if value is None or isinstance(value, timedelta):
        return value
    text = str(value).strip().lower()
    match = _AGE.fullmatch(text)
    if text != NEVER and match is None:
        raise ValueError("say it as 7d, 12h, 90m or 3600s, or never")
    seconds = int(match[1]) * UNITS[match[2] or "s"] if match else 0
    if seconds > 36_500 * UNITS["d"]:
        raise ValueError("at most 36500d, or never")
    return timedelta(seconds=seconds) if seconds else None


def show_age(age: timedelta | None) -> str:
    """In the largest unit that it is a whole number of."""
    if age is None:
        return NEVER
    seconds = round(age.total_seconds())
    unit = next(unit for unit, size in UNITS.items() if seconds % size == 0)
    return f"{seconds // UNITS[unit]}{unit}"


Age = Annotated[timedelta | None, BeforeValidator(read_age), PlainSerializer(show_age)]


PER = {"s": 1, "m": 60, "h": 3600}
NONE = "none"
_RATE = re.compile(r"(\d{1,9})\s*/\s*([smh])")


def read_rate(value: Any) -> float | None:
    """`100/s`, `600/m` or `5000/h`, as so many a second; `none` is None: no limit. Raises ValueError."""
    if value is None or isinstance(value, float):
        return value
    text = str(value).strip().lower()
    match = _RATE.fullmatch(text)
    if text != NONE and (match is None or int(match[1]) == 0):
        raise ValueError("say it as 100/s, 600/m or 5000/h, or none")
    return int(match[1]) / PER[match[2]] if match else None


def show_rate(rate: float | None) -> str:
    """In the smallest unit that makes a whole number of it."""
    if rate is None or isinf(rate):
        return NONE
    unit = next((unit for unit, size in PER.items() if round(rate * size, 6).is_integer()), "h")
    return f"{rate * PER[unit]:.0f}/{unit}"


Rate = Annotated[float | None, BeforeValidator(read_rate), PlainSerializer(show_rate)]


class FileSource(PydanticBaseSettingsSource):
    """ONEWRITER_X_FILE names a file that holds the value of X, as container secrets do."""

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 (pydantic-settings' signature)
        field_name: str,
    ) -> tuple[Any, str, bool]:
        path = os.environ.get(PREFIX + field_name.upper() + FILE_SUFFIX)
        return (Path(path).read_text().strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(fields[name], name)[0] for name in fields if _is_dsn(name)}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """Durations are seconds. An empty DSN lets libpq read PGHOST, PGSERVICE and the like."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    database_url: str = Field(default="", description="login of the API and the scheduler")
    worker_database_url: str | None = Field(default=None, description="login of a worker; no other stands in")
    admin_database_url: str | None = Field(default=None, description="migrate, harden, roles and logins")
    janitor_database_url: str | None = Field(
        default=None, description="scheduler: login that ends overlong backends of workers"
    )
    handler_database_url: str | None = Field(
        default=None, description="login of the result handlers; no other stands in"
    )
    domain_database_url: str | None = Field(
        default=None, description="result handlers: the domain's database, where it is another one"
    )
    domain_admin_database_url: str | None = Field(
        default=None, description="domain, doctor: admin there, where that is another server"
    )
    role_prefix: str = Field(
        default="onewriter", pattern=r"^[a-z_][a-z0-9_]{0,40}$", description="of role names"
    )

    environment: str = Field(
        default=DEFAULT_ENVIRONMENT,
        pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$",
        description="what this process belongs to; a database armed as another one refuses it",
    )

    host: str = Field(default="127.0.0.1", description="address the API listens on")
    port: int = Field(default=8080, ge=0, le=65535, description="port of the API; 0 picks a free one")
    pool_size: int = Field(default=8, ge=1, le=200, description="connections for reads and operator verbs")
    enqueue_connections: int = Field(default=1, ge=1, le=8, description="enqueue flushes in flight at once")
    enqueue_backlog: int = Field(default=10_000, ge=1, description="waiting enqueues before 503")
    shutdown_grace: float = Field(default=10.0, ge=0, le=300, description="stopping API waits for requests")

    rate_limit: Rate = Field(default=None, description="of a key that has none: 100/s, 600/m, 5000/h")
    rate_burst: int | None = Field(default=None, ge=1, description="at once; as many as a second brings")

    handlers: str = Field(default="", description="modules with result handlers, comma-separated")
    handlers_consumer: str = Field(
        default="handlers", min_length=1, max_length=128, description="the name of this set of handlers"
    )
    handler_attempts: int = Field(default=10, ge=1, description="tries before an event is a dead letter")
    handler_timeout: float = Field(
        default=30.0, gt=0, description="seconds that a call of a handler may take"
    )

    scheduler_enabled: bool = Field(
        default=True, description="scheduler: whether schedules fire; its other loops always run"
    )
    missed_after: float = Field(
        default=60.0, ge=1, le=86_400, description="scheduler: lateness from which a fire counts as missed"
    )

    prune_succeeded_after: Age = Field(default=timedelta(days=7), description="scheduler: age of a job's end")
    prune_failed_after: Age = Field(default=timedelta(days=30), description="scheduler: as above")
    prune_cancelled_after: Age = Field(default=timedelta(days=30), description="scheduler: as above")
    prune_aborted_after: Age = Field(default=timedelta(days=30), description="scheduler: as above")
    prune_workers_after: Age = Field(default=timedelta(days=30), description="scheduler: of their silence")
    prune_runs_after: Age = Field(default=timedelta(days=90), description="scheduler: of a run's end")
    prune_audit_after: Age = Field(default=timedelta(days=365), description="scheduler: age of a line")

    activation_interval: float = Field(default=10.0, ge=0.1, description="scheduler: pending -> active")
    stale_interval: float = Field(default=30.0, ge=0.1, description="scheduler: active -> offline")
    stale_after: float = Field(default=30.0, gt=0, description="scheduler: a worker's silence until then")
    reactivation_interval: float = Field(default=30.0, ge=0.1, description="scheduler: offline -> active")

    # The worker reads these itself (it imports nothing of the app); here for `config show`.
    tasks: str = Field(default="", description="worker: dotted paths of task modules, comma-separated")
    lease: int = Field(default=15, ge=5, le=300, description="worker: seconds until rescue")
    heartbeat: float = Field(default=5.0, gt=0, description="worker: seconds between two signs of life")
    http_allow_private: str = Field(default="", description="worker: hosts, networks for http.request")
    region: str = Field(default="", description="worker: where it runs, for the registry")
    tasks_version: str = Field(default="", description="worker: of its task modules, for the registry")
    task_timeout: float | None = Field(
        default=None, gt=0, description="worker: timeout of a task that names none"
    )
    timeout_grace: float = Field(
        default=5.0, ge=0, description="worker: seconds a sync task may overrun its timeout"
    )

    @field_validator(
        "database_url",
        "worker_database_url",
        "admin_database_url",
        "janitor_database_url",
        "handler_database_url",
        "domain_database_url",
        "domain_admin_database_url",
    )
    @classmethod
    def _parses(cls, value: str | None) -> str | None:
        if value:
            _parse_dsn(value)
        return value

    @field_validator(
        "prune_succeeded_after",
        "prune_failed_after",
        "prune_cancelled_after",
        "prune_aborted_after",
        "prune_workers_after",
        "prune_runs_after",
    )
    @classmethod
    def _leaves_time_to_look(cls, value: timedelta | None) -> timedelta | None:
        return _at_least(value, timedelta(minutes=1))

    @field_validator("handlers_consumer")
    @classmethod
    def _is_free(cls, value: str) -> str:
        if value in OWN_CONSUMERS:
            raise ValueError(f"{value} is a consumer of onewriter's own")
        return value

    @field_validator("prune_audit_after")
    @classmethod
    def _leaves_evidence(cls, value: timedelta | None) -> timedelta | None:
        return _at_least(value, timedelta(days=30))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, FileSource(settings_cls), dotenv_settings

    def redacted(self) -> dict[str, Any]:
        """Every setting by its environment name, passwords hidden."""
        values = self.model_dump()
        shown = {name: _hide(value) if _is_dsn(name) else value for name, value in values.items()}
        return {PREFIX + name.upper(): value for name, value in shown.items()}


def _at_least(value: timedelta | None, least: timedelta) -> timedelta | None:
    if value is not None and value < least:
        raise ValueError(f"at least {show_age(least)}, or never")
    return value


def _is_dsn(name: str) -> bool:
    return name.endswith("database_url")


def _parse_dsn(dsn: str) -> dict[str, Any]:
    try:
        return conninfo_to_dict(dsn)
    except psycopg.Error:  # libpq's message quotes the DSN, and with it the password
        raise ValueError("not a connection string that libpq understands") from None


def _hide(dsn: str | None) -> str | None:
    if not dsn:
        return dsn
    parts = _parse_dsn(dsn)
    return make_conninfo(**{**parts, "password": HIDDEN}) if "password" in parts else dsn
