"""How commands reach the database: reads through the server's login, the rest through the admin's."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import rich_click as click
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from app.database import pool
from app.schema.migrate import become_owner
from app.settings import Settings

Row = dict[str, Any]
Answer = TypeVar("Answer")
Connection = psycopg.Connection[Row]


def admin_dsn(settings: Settings) -> str:
    if settings.admin_database_url is None:
        raise click.UsageError("set ONEWRITER_ADMIN_DATABASE_URL: this needs the admin's login")
    return settings.admin_database_url


def domain_admin_dsn(settings: Settings, domain_dsn: str | None = None) -> str:
    """The admin where the domain is: its own, or on the queue's server the queue's in that database.

    `domain_dsn` stands for ONEWRITER_DOMAIN_DATABASE_URL; with neither the domain is in the queue's database.
    """
    domain = domain_dsn or settings.domain_database_url
    if domain and settings.domain_admin_database_url:
        return settings.domain_admin_database_url
    admin = admin_dsn(settings)
    if not domain:
        return admin
    here, there = ({"port": "5432", **conninfo_to_dict(dsn)} for dsn in (admin, domain))
    if any(here.get(part) != there.get(part) for part in ("host", "hostaddr", "port")):
        raise click.UsageError("set ONEWRITER_DOMAIN_ADMIN_DATABASE_URL: the domain is on another server")
    return make_conninfo(admin, dbname=there.get("dbname"))


@contextmanager
def as_server() -> Iterator[Connection]:
    """The login of the API: reads views, calls server_api."""
    with _connect(Settings().database_url) as conn:
        yield conn


@contextmanager
def as_admin() -> Iterator[Connection]:
    with _connect(admin_dsn(Settings())) as conn:
        yield conn


@contextmanager
def as_owner() -> Iterator[Connection]:
    """The admin's login, acting as the owner of the schemas."""
    with as_admin() as conn:
        become_owner(conn, Settings().role_prefix)
        yield conn


def run_command(command: Callable[[pool.Connection], Awaitable[Answer]]) -> Answer:
    """One of app.commands, over the server's login."""

    async def over_connection() -> Answer:
        conn = await pool.connect(Settings().database_url, application_name="onewriter cli")
        try:
            return await command(conn)
        finally:
            await conn.close()

    return asyncio.run(over_connection())


def actor() -> str:
    """Who stands in the audit for what this command does."""
    return f"cli:{getpass.getuser()}"


def notify(conn: Connection, channels: Iterable[str]) -> None:
    """After the commit (the connection is in autocommit), as everywhere."""
    for channel in sorted(set(channels)):
        conn.execute(sql.SQL("notify {}").format(sql.Identifier(channel)))


def _connect(dsn: str) -> Connection:
    target = pool.conninfo(dsn, application_name="onewriter cli")
    return psycopg.connect(target, autocommit=True, row_factory=dict_row)
