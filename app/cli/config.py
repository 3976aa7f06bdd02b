"""`onewriter config show`."""

from __future__ import annotations

import rich_click as click

from app.cli.output import json_option, show_json
from app.settings import Settings


@click.group
def config() -> None:
    """The settings in effect."""


@config.command
@json_option
def show(as_json: bool) -> None:
    """Every setting by its environment name, passwords hidden."""
    values = Settings().redacted()
    if as_json:
        show_json(values)
        return
    for name, value in values.items():
        click.echo(f"{name}={'' if value is None else value}")
