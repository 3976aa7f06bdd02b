"""What commands of onewriter's do, without a process for each."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import TypeVar
from unittest.mock import patch

from app.cli import main
from app.commands.keys import create_key
from app.commands.tasks import publish_tasks
from app.database.pool import Connection, connect
from devstack.errors import Stop

ACTOR = "examples"

T = TypeVar("T")


def run(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What it prints, in that environment and no other. Raises Stop with its last word where it fails."""
    said, complaint = StringIO(), StringIO()
    with (
        patch.dict(os.environ, environment, clear=True),
        redirect_stdout(said),
        redirect_stderr(complaint),
    ):
        code = main.run(command)
    if code != main.OK:
        raise Stop(f"{command[0]} failed: {complaint.getvalue().strip().splitlines()[-1]}")
    return said.getvalue()


def make_key(
    dsn: str, name: str = ACTOR, *, scopes: Sequence[str] = ("admin",), tasks: Sequence[str] | None = None
) -> str:
    """One that may do everything, unless said. `dsn` is the server's login, here and below."""
    return _over(dsn, lambda conn: create_key(conn, name=name, scopes=scopes, tasks=tasks, actor=ACTOR)).token


def publish(dsn: str, catalogue: str, source: str) -> None:
    _over(dsn, lambda conn: publish_tasks(conn, source=source, catalogue=catalogue.encode(), actor=ACTOR))


def _over(dsn: str, command: Callable[[Connection], Awaitable[T]]) -> T:
    async def call() -> T:
        async with await connect(dsn, application_name="onewriter example") as conn:
            return await command(conn)

    return asyncio.run(call())
