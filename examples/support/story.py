"""What an example prints, and how it waits and checks."""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any, TypeVar

from devstack.errors import Stop

T = TypeVar("T")


def chapter(title: str) -> None:
    print(f"\n{title}", flush=True)


def say(line: str) -> None:
    print(f"   {line}", flush=True)


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as what is in them; None shows as -, and rows may be of several lengths."""
    lines = [tuple(heads), *(tuple("-" if cell is None else str(cell) for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip())


def until(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """The first true answer. Raises Stop where there is none in time."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > end:
            raise Stop(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)
    return answer


def check(holds: bool, promise: str) -> None:
    """What the example shows has to be true. Raises Stop where it isn't."""
    if not holds:
        raise Stop(f"this should hold and doesn't: {promise}")
