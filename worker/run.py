"""A claimed job as it crosses the wire, and what a task sees of it (both built as late as possible)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, overload

import attr
import msgspec
from procrastinate.exceptions import JobAborted
from procrastinate.job_context import AbortReason, JobContext
from procrastinate.jobs import Job, Status

from worker.secrets import Secrets

if TYPE_CHECKING:
    from worker.process import Worker

_decode = msgspec.json.Decoder().decode
T = TypeVar("T")


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
    book: Any = None
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

    def progress(
        self,
        current: float | None = None,
        total: float | None = None,
        message: str | None = None,
        **fields: Any,
    ) -> None:
        """How far the task is: replaces what it said of that before.

        Call it as often as you like, from any thread: it returns at once, and the latest is sent four times a
        second at most. Raises NotJson, and Oversized over 4 KB.
        """
        given = {"current": current, "total": total, "message": message}
        value = {name: part for name, part in given.items() if part is not None}
        self._worker.books.progress(self._run, {**value, **fields})

    def log(self, message: str, level: str = "info", **fields: Any) -> None:
        """A line for whoever looks at the job. From any thread; it neither waits nor raises.

        A field that is not JSON is logged as its str(); of a message 8,192 characters are kept.
        """
        self._worker.books.log(self._run, message, level, fields)

    def emit(self, data: Any) -> None:
        """A piece of the task's output: any JSON; each run's pieces are kept in their order.

        From any thread; it never waits. A job may say 10,000 notes and 16 MB, what is beyond is dropped.
        Raises NotJson, and Oversized over 64 KB.
        """
        self._worker.books.emit(self._run, data)

    @overload
    def track(self, items: Iterable[T], total: float | None = None) -> Iterator[T]: ...
    @overload
    def track(self, items: AsyncIterable[T], total: float | None = None) -> AsyncIterator[T]: ...
    def track(
        self, items: Iterable[T] | AsyncIterable[T], total: float | None = None
    ) -> Iterator[T] | AsyncIterator[T]:
        """The same items, with the progress told: `for row in context.track(rows)`, or `async for`.

        `total` is their len() where they have one. Where the job is to stop it stops between two items:
        raises JobAborted.
        """
        if total is None and isinstance(items, Sized):
            total = len(items)
        return (
            self._track_async(items, total) if isinstance(items, AsyncIterable) else self._track(items, total)
        )

    def _track(self, items: Iterable[T], total: float | None) -> Iterator[T]:
        done = 0
        for item in items:
            self._step(done, total)
            yield item
            done += 1
        self.progress(done, total)

    async def _track_async(self, items: AsyncIterable[T], total: float | None) -> AsyncIterator[T]:
        done = 0
        async for item in items:
            self._step(done, total)
            yield item
            done += 1
        self.progress(done, total)

    def _step(self, done: int, total: float | None) -> None:
        if self.should_abort():
            raise JobAborted
        self.progress(done, total)

    def evolve(self, **update: Any) -> JobContext:
        fields = {field.name: getattr(self, field.name) for field in attr.fields(JobContext)}
        return JobContext(**{**fields, **update})
