"""The slots: long-lived tasks on the event loop, each of which runs one job after another.

A task per job costs more than a no-op job itself, so a slot calls the job's coroutine directly; a job
that changes context variables retires its slot, so that nothing leaks into the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import logging
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from worker.desk import Desk
from worker.outcomes import Outcomes
from worker.plan import PLAIN_TYPES, Plan
from worker.run import Run, RunContext
from worker.threads import SlotThread

if TYPE_CHECKING:
    from procrastinate.job_context import AbortReason

    from worker.process import Worker

logger = logging.getLogger(__name__)

# No-op jobs may follow one another this long before the loop looks at its sockets again.
_SLICE = 0.002


class Slot:
    """`run` is what it does now; `deadline` 0 means none."""

    __slots__ = ("deadline", "idle", "number", "run", "task", "thread")

    def __init__(self, number: int):
        self.number = number
        self.run: Run | None = None
        self.deadline = 0.0
        self.idle: asyncio.Future[None] | None = None
        self.thread: SlotThread | None = None
        self.task: asyncio.Task[None]

    def own_thread(self) -> SlotThread:
        if self.thread is None:
            self.thread = SlotThread(f"onewriter-slot-{self.number}")
        return self.thread

    def plan_is_async(self, plans: dict[str, Plan]) -> bool:
        plan = plans.get(self.run.task) if self.run else None
        return plan is not None and plan.is_async


class Slots:
    """`arm(slot, run, seconds)` is told of every job that has a timeout."""

    def __init__(self, worker: Worker, desk: Desk, outcomes: Outcomes, timeout: float | None):
        self.arm: Callable[[Slot, Run, float], None]
        self.plans: dict[str, Plan] = {}
        self.desk = desk
        self._worker = worker
        self._outcomes = outcomes
        self._timeout = timeout
        self._idle: list[Slot] = []
        self._clean = contextvars.copy_context()
        self._closed = False
        self._quiet: asyncio.Event | None = None

    def kick(self) -> None:
        """Jobs are waiting: somebody takes them (called on the loop, once per batch)."""
        if self.desk.waiting:
            self._rouse()

    def abort(self, run: Run, reason: AbortReason) -> None:
        """Async tasks are cancelled; sync ones look at context.should_abort(), as stock."""
        run.abort = reason
        for slot in self.desk.slots:
            if slot.run is run and slot.plan_is_async(self.plans):
                slot.task.cancel()

    def abort_all(self, reason: AbortReason) -> None:
        for run in self.desk.running():
            self.abort(run, reason)

    def cancel_dead(self, runs: list[Run], reason: AbortReason) -> None:
        """The session is gone: whatever these jobs come to, nobody will accept it."""
        for run in runs:
            self.abort(run, reason)

    async def quiet(self, patience: float | None) -> bool:
        """Waits until no job runs that still counts; False when the timeout passed first."""
        self._quiet = asyncio.Event()
        if not self.desk.running():
            return True
        try:
            async with asyncio.timeout(patience):
                await self._quiet.wait()
        except TimeoutError:
            return False
        return True

    def settled_elsewhere(self) -> None:
        """A run was marked dead from outside a slot: perhaps that was the last one."""
        if self._quiet is not None and not self.desk.running():
            self._quiet.set()

    async def close(self, grace: float) -> bool:
        """Ends the slots; False if one of them would not end."""
        self._closed = True
        tasks = [slot.task for slot in self.desk.slots]
        for slot in self.desk.slots:
            slot.task.cancel()
            if slot.thread is not None:
                slot.thread.stop()
        if not tasks:
            return True
        _, pending = await asyncio.wait(tasks, timeout=grace)
        return not pending

    def _rouse(self) -> None:
        if self._idle:
            slot = self._idle.pop()
            if slot.idle is not None and not slot.idle.done():
                slot.idle.set_result(None)
        elif len(self.desk.slots) < self.desk.concurrency:
            slot = Slot(len(self.desk.slots))
            self.desk.slots.append(slot)
            self._start(slot)

    def _start(self, slot: Slot) -> None:
        loop = asyncio.get_running_loop()
        name = f"onewriter slot {slot.number}"
        slot.task = loop.create_task(self._serve(slot), name=name, context=self._clean.copy())

    async def _serve(self, slot: Slot) -> None:  # noqa: C901 (a call less per job is 3 % of it)
        """The hot path. Everything that is not a plain task goes through `_long_way`."""
        desk, outcomes, plans, waiting = self.desk, self._outcomes, self.plans, self.desk.waiting
        variables, sliced, timeout = contextvars.copy_context(), monotonic(), self._timeout
        while not self._closed:
            try:
                slot.run = run = waiting.popleft()
            except IndexError:
                await self._rest(slot)
                sliced = monotonic()
                continue
            if waiting:
                self._rouse()
            run.begun = monotonic()
            plan = plans.get(run.task) or self._plan(run.task)
            try:
                if plan is None or not plan.plain or run.abort or timeout or run.timeout or plan.timeout:
                    await self._long_way(slot, run, plan)
                else:
                    context = (RunContext(run, self._worker),) if plan.pass_context else ()
                    result = await plan.func(*context, **run.arguments())
                    if type(result) not in PLAIN_TYPES and inspect.isawaitable(result):
                        result = await result
                    outcomes.succeeded(run, result)
            except BaseException as exc:  # noqa: BLE001 (whatever a task raises is its outcome)
                outcomes.raised(run, plan, exc)
            slot.run = None
            ended = monotonic()
            desk.ended += 1
            desk.busy += ended - run.begun
            desk.last_end = ended
            if desk.asleep or self._quiet is not None:
                self._tell()
            if slot.task.cancelling():
                await self._forget_cancel(slot)
            if contextvars.copy_context() != variables:
                self._start(slot)
                break
            if ended - sliced > _SLICE:
                await self._breathe()
                sliced = monotonic()

    def _tell(self) -> None:
        """A job has ended and somebody waits for that: the link, or the end of the worker."""
        if self.desk.asleep:
            self.desk.wake()
        if self._quiet is not None:
            self.settled_elsewhere()

    async def _long_way(self, slot: Slot, run: Run, plan: Plan | None) -> None:
        if plan is None:
            self._outcomes.unknown(run)
            return
        if run.abort is not None:
            raise asyncio.CancelledError
        seconds = run.timeout or plan.timeout or self._timeout
        if seconds:
            self.arm(slot, run, seconds)
        try:
            result = await plan.call(run, self._worker, slot.own_thread)
        finally:
            slot.deadline = 0.0
        self._outcomes.succeeded(run, result)

    def _plan(self, name: str) -> Plan | None:
        task = self._worker.app.tasks.get(name)
        if task is None:
            return None
        self.plans[name] = plan = Plan(task, self._worker)
        return plan

    async def _rest(self, slot: Slot) -> None:
        slot.idle = asyncio.get_running_loop().create_future()
        self._idle.append(slot)
        try:
            await slot.idle
        except asyncio.CancelledError:
            self._leave_idle(slot)
            await self._forget_cancel(slot)

    def _leave_idle(self, slot: Slot) -> None:
        if slot in self._idle:
            self._idle.remove(slot)

    async def _breathe(self) -> None:
        # A cancellation was meant for a job that has ended; `_closed` decides about the slot itself.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)

    async def _forget_cancel(self, slot: Slot) -> None:
        """A cancellation belongs to one job; what is left of it must not hit the next."""
        while slot.task.cancelling():
            slot.task.uncancel()
        await self._breathe()
