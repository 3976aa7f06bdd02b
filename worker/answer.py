"""The shapes of what worker_api returns."""

from __future__ import annotations

from operator import attrgetter

import msgspec

from worker.run import Run

_ID, _PRIORITY = attrgetter("id"), attrgetter("priority")


class Columns(msgspec.Struct, array_like=True):
    """Claimed jobs, thirteen lists of equal length; arguments stay as they are until their job begins."""

    id: list[int] = []
    claim: list[int] = []
    queue: list[str] = []
    task: list[str] = []
    args: list[msgspec.Raw] = []
    attempts: list[int] = []
    priority: list[int] = []
    lock: list[str | None] = []
    queueing_lock: list[str | None] = []
    scheduled_at: list[str | None] = []
    timeout: list[float | None] = []
    max_attempts: list[int | None] = []
    crashes: list[int | None] = []

    def runs(self) -> list[Run]:
        """In the order in which they should begin."""
        runs = list(map(Run, *(getattr(self, name) for name in self.__struct_fields__)))
        runs.sort(key=_ID)
        if len(set(self.priority)) > 1:
            runs.sort(key=_PRIORITY, reverse=True)  # keeps the order of ids where it is the same
        return runs


class Answer(msgspec.Struct):
    """An exchange's answer; what is absent is empty."""

    jobs: Columns | None = None
    stale: list[int] = []
    failed: dict[str, str] = {}
    abort: list[int] = []
    due: float | None = None
    more: bool = False
    suspect: bool = False
    wake: list[str] = []
    scan: float = 0.0
    gone: bool = False


class Opened(msgspec.Struct):
    session: int = 0
    secret: str = ""
    lease: float = 0.0
    gone: bool = False


answer = msgspec.json.Decoder(Answer).decode
opened = msgspec.json.Decoder(Opened).decode
