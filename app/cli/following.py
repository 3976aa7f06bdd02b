"""What a command shows while it follows something: a bar on a terminal, a line per change elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import rich_click as click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Quiet:
    """Says nothing."""

    def show(self, text: str, done: float, total: float | None) -> None:
        """How far it is."""

    def say(self, line: str) -> None:
        """A line of its own, above what is shown."""


class Lines(Quiet):
    """A line whenever there is something new to say."""

    def __init__(self) -> None:
        self._said = ""

    def show(self, text: str, done: float, total: float | None) -> None:  # noqa: ARG002 (the text tells)
        if text != self._said:
            self._said = text
            click.echo(text)

    def say(self, line: str) -> None:
        click.echo(line)


class Bar(Quiet):
    """One bar that moves."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def show(self, text: str, done: float, total: float | None) -> None:
        self._progress.update(self._task, description=text, total=total, completed=done)

    def say(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False)


@contextmanager
def shown(*, quiet: bool) -> Iterator[Quiet]:
    if quiet:
        yield Quiet()
    elif not sys.stdout.isatty():
        yield Lines()
    else:
        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        ) as progress:
            yield Bar(progress)
