"""A claimed job as it crosses the wire, and what a task sees of it (both built as late as possible)."""

from __future__ import annotations

import datetime as dt
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attr
import msgspec
from procrastinate.job_context import AbortReason, JobContext
from procrastinate.jobs import Job, Status

from worker.secrets import Secrets

if TYPE_CHECKING:
    from worker.process import Worker

_decode = msgspec.json.Decoder().decode


class Run(msgspec.Struct, eq=False, gc=False):
    """One claim of one job; the first thirteen fields are an answer's columns, in their order."""

    id: int
    claim: int
    queue: str
    task: str
    args: msgspec.Raw
    attempts: int
    priority: int
    lock: str | None
    queueing_lock: str | None
    scheduled_at: str | None
    timeout: float | None
    max_attempts: int | None
    crashes: int | None
    # What follows is ours and never came over the wire.
    begun: float = 0.0
    kwargs: Any = None
    secrets: Secrets | None = None
    abort: Any = None
    prefetched: bool = False
    noted: bool = False
    timed_out: bool = False
    dead: bool = False

    def arguments(self) -> Any:
        """Raises SecretRefused, msgspec.DecodeError (JSON allows what Python cannot hold: 1e999999)."""
        if self.kwargs is None:
            given = _decode(self.args)
            self.kwargs = given if self.secrets is None else self.secrets.fill(given)
        return self.kwargs

    def job(self, session: int | None) -> Job:
        """The stock Job; retry strategies and middlewares get this one. It names secrets, and holds none."""
        at = self.scheduled_at
        job: Job = Job(
            id=self.id,
            status=Status.DOING.value,
            queue=self.queue,
            priority=self.priority,
            lock=self.lock,
            queueing_lock=self.queueing_lock,
            task_name=self.task,
            task_kwargs=self.arguments() if self.secrets is None else _decode(self.args),
            scheduled_at=_aware(at) if at else None,
            attempts=self.attempts,
            abort_requested=self.abort is AbortReason.USER_REQUEST,
            worker_id=session,
        )
        return job


def _aware(text: str) -> dt.datetime:
    at = dt.datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


class RunContext(JobContext):
    """A JobContext whose job is built when somebody looks at it: 1 us instead of 10 on the hot path."""

    _run: Run
    _worker: Worker

    def __init__(self, run: Run, worker: Worker):
        # The stock class is frozen; its fields are what these write around.
        self.__dict__["_run"] = run
        self.__dict__["_worker"] = worker
        self.__dict__["app"] = worker.app
        self.__dict__["worker_name"] = worker.worker_name
        self.__dict__["worker_queues"] = worker.queues
        self.__dict__["start_timestamp"] = time.time()

    @cached_property
    def job(self) -> Job:
        return self._run.job(self._worker.worker_id)

    @cached_property
    def additional_context(self) -> dict[str, Any]:
        return dict(self._worker.additional_context or {})

    def abort_reason(self) -> AbortReason | None:
        reason: AbortReason | None = self._run.abort
        return reason

    def should_abort(self) -> bool:
        return self._run.abort is not None

    def evolve(self, **update: Any) -> JobContext:
        fields = {field.name: getattr(self, field.name) for field in attr.fields(JobContext)}
        return JobContext(**{**fields, **update})
