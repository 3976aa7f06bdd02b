"""The shapes of what worker_api returns."""

from __future__ import annotations

import msgspec

from worker.run import Run


class Answer(msgspec.Struct):
    """An exchange's answer; what is absent is empty."""

    jobs: list[Run] = []
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
