"""What a dead letter says of the handler that raised."""

from __future__ import annotations

import traceback
from types import TracebackType

# As many characters as jobs.outbox.error surely takes, and how many of them the first line may have.
MOST = 4096
LONGEST_LINE = 500
OURS = "app.handlers."
ENDED = "the process that handled it ended, or lost its connection, before it was done"


def complaint(exc: BaseException) -> str:
    """What was raised, in a line; then the traceback from the handler's own first line on, or its end."""
    lines = traceback.format_exception(type(exc), exc, _own_part(exc.__traceback__))
    headline = _clean(f"{type(exc).__name__}: {exc}").split("\n")[0][:LONGEST_LINE]
    text = _clean("".join(lines))
    room = MOST - len(headline) - 1
    return f"{headline}\n{text if len(text) <= room else '…' + text[1 - room :]}"


def _clean(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()


def _own_part(trace: TracebackType | None) -> TracebackType | None:
    """Without our frames and those of the event loop, unless there is nothing else."""
    part = trace
    while part is not None and _is_ours(part):
        part = part.tb_next
    return part or trace


def _is_ours(trace: TracebackType) -> bool:
    module = str(trace.tb_frame.f_globals.get("__name__", ""))
    return module.startswith(OURS) or module == "asyncio.timeouts"
