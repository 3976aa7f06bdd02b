"""Patience for suspects: jobs that were running when a worker died, and now run without company."""

from __future__ import annotations

_PATIENCE = 15.0
_REST = 45.0


class Suspects:
    """A suspect that was passed over makes the worker drain; jobs that take too long win, for a while."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._rest_until = 0.0

    def passed_over(self, now: float) -> None:
        if self._since is None and now >= self._rest_until:
            self._since = now

    def asked_alone(self) -> None:
        self._since = None

    def waiting(self) -> bool:
        return self._since is not None

    def draining(self, now: float) -> bool:
        if self._since is None:
            return False
        if now - self._since <= _PATIENCE:
            return True
        self._since, self._rest_until = None, now + _REST
        return False
