"""`onewriter workers …`."""

from __future__ import annotations

import rich_click as click

from app.cli.worker_logins import login


@click.group
def workers() -> None:
    """The worker fleet."""


workers.add_command(login)
