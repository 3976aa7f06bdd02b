"""What the end of a task means: exactly one item on the desk, decided by stock's rules."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from typing import Any

import msgspec
from procrastinate.exceptions import JobAborted
from procrastinate.job_context import AbortReason
from procrastinate.retry import RetryDecision

from worker.desk import Desk
from worker.plan import Plan
from worker.results import NotJson, Oversized, check_size, clean, encode_result, error_text
from worker.run import Run

logger = logging.getLogger(__name__)

# A retry further off than this is a mistake; the database refuses absurd dates.
_MAX_DELAY = 10 * 365 * 86_400.0

_encode = msgspec.json.Encoder().encode


class TaskTimeout(TimeoutError):
    """The task ran longer than it may; what a retry strategy gets to see."""


class Outcomes:
    """`session` is the current session's id, for the Job that a retry strategy sees."""

    def __init__(self, desk: Desk):
        self._desk = desk
        self.session: int | None = None

    def succeeded(self, run: Run, result: Any) -> None:
        if run.dead:
            return
        try:
            text = None if result is None else encode_result(result)
            if text is not None and run.secrets is not None:
                text = run.secrets.mask_json(text)
                check_size(text)
        except NotJson as exc:
            self._fail(run, f"NotJson: {exc}", "not_json")
        except Oversized as exc:
            self._fail(run, f"Oversized: {exc}", "oversized")
        else:
            self._desk.done.append((run.id, run.claim, text, None))

    def unknown(self, run: Run) -> None:
        self._fail(run, f"TaskNotFound: this worker has no task named {clean(run.task)}.", "unknown_task")

    def timed_out(self, run: Run, plan: Plan | None) -> None:
        """Past timeout and grace, and still running: its slot is written off by the caller."""
        error = TaskTimeout("The task ran past its timeout and did not stop.")
        self._failed(run, plan, error, "timeout")

    def raised(self, run: Run, plan: Plan | None, exc: BaseException) -> None:
        if run.dead:
            return
        stopped = isinstance(exc, asyncio.CancelledError | JobAborted)
        if run.timed_out:  # whatever it raised then, it raised because of that
            timeout = TaskTimeout("The task ran past its timeout.").with_traceback(exc.__traceback__)
            timeout.__cause__ = None if isinstance(exc, asyncio.CancelledError) else exc
            self._failed(run, plan, timeout, "timeout")
        elif stopped and run.abort is AbortReason.SHUTDOWN:
            # Whoever stopped the worker did not mean the job: it goes back as if it had never begun.
            logger.info("Job %s is given back: the worker is stopping", _name(run))
            self._desk.release.append((run.id, run.claim))
        elif isinstance(exc, JobAborted) or (stopped and run.abort is not None):
            self._abort(run, exc)
        else:
            self._failed(run, plan, exc, "error")

    def _abort(self, run: Run, exc: BaseException) -> None:
        logger.info("Job %s aborted", _name(run))
        asked = run.abort is not None and isinstance(exc, asyncio.CancelledError)
        text = "Aborted on request." if asked else _text(run, exc)  # where it stood tells nobody anything
        self._desk.done.append((run.id, run.claim, None, _encode(("aborted", text, None))))

    def _failed(self, run: Run, plan: Plan | None, exc: BaseException, reason: str) -> None:
        decision, text = self._decision(run, plan, exc), _text(run, exc)
        if decision is not None and self._retry(run, decision, text, reason):
            _log(logging.INFO, "Job %s failed and will be retried", run, exc)
        elif isinstance(exc, asyncio.CancelledError):
            self._abort(run, exc)
        else:
            _log(logging.ERROR, "Job %s failed", run, exc)
            self._fail(run, text, reason, logged=True)

    def _decision(self, run: Run, plan: Plan | None, exc: BaseException) -> RetryDecision | None:
        if plan is None or plan.task.retry_strategy is None:
            return None
        try:
            asked = plan.task.get_retry_exception(exception=exc, job=run.job(self.session))
        except Exception as broken:  # noqa: BLE001 (it is code of others)
            _log(logging.ERROR, "The retry strategy of job %s raised; the job fails", run, broken)
            return None
        return asked.retry_decision if asked else None

    def _retry(self, run: Run, decision: RetryDecision, text: str, reason: str) -> bool:
        lock, queue, priority = decision.lock, decision.queue, decision.priority
        if not (_is_priority(priority) and _is_text(queue, 128) and _is_text(lock, 1024)):
            logger.error("The retry decision of job %s has no valid content; the job fails", _name(run))
            return False
        self._desk.retry.append((run.id, run.claim, _delay(decision), text, priority, queue, lock, reason))
        return True

    def _fail(self, run: Run, text: str, reason: str, *, logged: bool = False) -> None:
        if not logged:
            logger.error("Job %s failed: %s", _name(run), text)
        self._desk.done.append((run.id, run.claim, None, _encode(("failed", text, reason))))


def _text(run: Run, exc: BaseException) -> str:
    return error_text(exc) if run.secrets is None else error_text(exc, run.secrets.mask)


def _log(level: int, message: str, run: Run, exc: BaseException) -> None:
    """With the traceback; with a masked one where the exception may quote a secret."""
    if run.secrets is None:
        logger.log(level, message, _name(run), exc_info=exc)
    else:
        logger.log(level, "%s\n%s", message % _name(run), _text(run, exc))


def _delay(decision: RetryDecision) -> float | None:
    """Relative, because the worker's clock never counts."""
    at = decision.retry_at
    if at is None:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    seconds = (at - dt.datetime.now(dt.UTC)).total_seconds()
    return min(max(seconds, 0.0), _MAX_DELAY)


def _is_priority(value: object) -> bool:
    return value is None or (type(value) is int and -(2**31) <= value < 2**31)


def _is_text(value: object, most: int) -> bool:
    return value is None or (isinstance(value, str) and 0 < len(value) <= most and clean(value) == value)


def _name(run: Run) -> str:
    return f"{run.task}[{run.id}]"
