"""The floor: where the last claims ended, so that dead index entries are not read again and again.

Only a hint and only in memory. A scan with a floor can miss a job that became ready below it, so the
worker never goes to sleep on one, and scans in full at every wake-up that is not too expensive.
"""

from __future__ import annotations

import msgspec

from worker.run import Run

_PAIRS = 50
# Ids are drawn before they commit: a slower transaction's job may appear this far below.
_MARGIN = 2_000
# A full scan this fast is made whenever it is wanted; a slower one a twentieth of the time at most, and one
# that is slow beyond doubt once a second.
_CHEAP_MS, _SLOW_MS = 1.0, 10.0

_encode = msgspec.json.Encoder().encode


class Floor:
    def __init__(self) -> None:
        self._last: dict[tuple[str, int], int] = {}
        self._full_at = 0.0
        self._full_ms = 0.0
        self._wanted = True

    def scan_in_full(self) -> None:
        """Something woke the worker: what is new may lie below the floor."""
        self._wanted = True

    def note(self, runs: list[Run]) -> None:
        last = self._last
        for run in runs:
            last[run.queue, run.priority] = run.id
        if len(last) > _PAIRS:
            self._last = dict(list(last.items())[-_PAIRS:])

    def next_full(self) -> float:
        """The moment from which a full scan is allowed again (monotonic seconds)."""
        if self._full_ms <= _CHEAP_MS:
            return 0.0
        pause = 20 * self._full_ms / 1000
        return self._full_at + (pause if self._full_ms <= _SLOW_MS else max(1.0, pause))

    def choose(self, now: float) -> bytes | None:
        """The hint for a claim at `now`; None is a full scan."""
        stale = now - self._full_at >= max(1.0, 20 * self._full_ms / 1000)
        if stale or not self._last or (self._wanted and now >= self.next_full()):
            return None
        return _encode([(queue, priority, id_ - _MARGIN) for (queue, priority), id_ in self._last.items()])

    def scanned(self, now: float, milliseconds: float) -> None:
        """A full scan has been made."""
        self._full_at, self._full_ms, self._wanted = now, milliseconds, False
