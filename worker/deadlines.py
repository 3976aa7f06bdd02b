"""Timeouts of running jobs: one timer on the loop, set to the earliest deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic

from procrastinate.job_context import AbortReason

from worker.outcomes import Outcomes
from worker.run import Run
from worker.slots import Slot, Slots

logger = logging.getLogger(__name__)


class Deadlines:
    """At the timeout a job is asked to stop; past the grace it is settled and its slot written off."""

    def __init__(self, slots: Slots, outcomes: Outcomes, grace: float, lost: Callable[[], None]):
        self._slots = slots
        self._outcomes = outcomes
        self._grace = grace
        self._lost = lost
        self._timer: asyncio.TimerHandle | None = None
        slots.arm = self.arm

    def arm(self, slot: Slot, run: Run, seconds: float) -> None:
        slot.deadline = run.begun + seconds
        self._schedule(slot.deadline)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self, at: float) -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + max(at - monotonic(), 0)
        if self._timer is not None and not self._timer.cancelled():
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = loop.call_at(when, self._check)

    def _check(self) -> None:
        self._timer = None
        now = monotonic()
        for slot in list(self._slots.desk.slots):
            if slot.deadline and now >= slot.deadline and slot.run is not None:
                self._expire(slot, slot.run, now)
        left = [slot.deadline for slot in self._slots.desk.slots if slot.deadline]
        if left:
            self._schedule(min(left))

    def _expire(self, slot: Slot, run: Run, now: float) -> None:
        if run.timed_out:
            slot.deadline = 0.0
            self.write_off(run)
            return
        run.timed_out = True
        slot.deadline = now + self._grace
        self._slots.abort(run, AbortReason.USER_REQUEST)

    def write_off(self, run: Run) -> None:
        """The job ends for everybody but itself; if it ever returns, its slot comes back."""
        if run.dead:
            return
        logger.error("Job %s[%s] did not stop after its timeout: its slot is written off", run.task, run.id)
        self._outcomes.timed_out(run, self._slots.plans.get(run.task))
        run.dead = True
        self._slots.desk.wake()
        self._slots.settled_elsewhere()
        self._lost()
