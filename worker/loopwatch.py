"""Notices from the link's thread that the tasks' event loop no longer turns, and who holds it up."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from typing import Any

from worker.desk import Desk
from worker.run import Run

logger = logging.getLogger(__name__)

_PING_EVERY = 0.5
# The loop counts as blocked from here on: it gets no jobs, and those that wait for it go back.
STUCK = 1.0


class LoopWatch:
    """A ping through the loop; `blocked()` is how long the last one has been waiting for its answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, thread_id: int, desk: Desk, report_after: float):
        self._loop = loop
        self._thread_id = thread_id
        self._desk = desk
        self._report_after = report_after
        self._sent = 0.0
        self._answered = True
        self._reported = False

    def blocked(self, now: float) -> float:
        """Seconds; 0 while the loop turns. Reports once per episode."""
        if self._answered:
            self._recovered(now)
            if now - self._sent >= _PING_EVERY:
                self._sent, self._answered = now, False
                self._loop.call_soon_threadsafe(self._answer)
            return 0.0
        waited = now - self._sent
        if waited >= self._report_after and not self._reported:
            self._reported = True
            self._report(waited)
        return waited

    def blocker(self) -> Run | None:
        """The job whose code the loop is in, as far as one can tell from outside."""
        try:
            current = asyncio.current_task(self._loop)
        except RuntimeError:
            return None
        for slot in list(self._desk.slots):
            if current is not None and slot.task is current:
                run: Run | None = slot.run
                return run
        return None

    def _answer(self) -> None:
        self._answered = True
        if self._reported:
            self._desk.wake()

    def _recovered(self, now: float) -> None:
        if self._reported:
            self._reported = False
            logger.warning("The event loop turns again after %.1f s", now - self._sent)

    def _report(self, waited: float) -> None:
        run = self.blocker()
        name = f"job {run.task}[{run.id}]" if run else "code outside any job"
        # The only way to another thread's stack.
        frame: Any = sys._current_frames().get(self._thread_id)  # noqa: SLF001
        stack = "".join(traceback.format_stack(frame)[-8:]) if frame else ""
        logger.warning(
            "The event loop has been blocked for %.1f s by %s; heartbeats go on, no other job is lost. "
            "Its code belongs in a sync task or a thread. It is here:\n%s",
            waited,
            name,
            stack,
        )
