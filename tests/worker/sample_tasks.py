"""Task modules as a team would write them: stock Procrastinate and nothing of ours."""
# ruff: noqa: ARG002, ASYNC110, ASYNC240, ASYNC251, BLE001 (tasks that misbehave on purpose)

import asyncio
import contextvars
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from procrastinate import Blueprint, RetryStrategy
from procrastinate.exceptions import JobAborted
from procrastinate.job_context import JobContext
from procrastinate.retry import BaseRetryStrategy, RetryDecision

sample = Blueprint()
colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


@sample.task(name="add")
async def add(a: int, b: int = 1) -> int:
    """Adds two numbers."""
    return a + b


@sample.task(name="add_sync", aliases=["plus"])
def add_sync(a: int, b: int = 1) -> int:
    return a + b


@sample.task(name="thread_of_sync")
def thread_of_sync() -> bool:
    return threading.current_thread() is not threading.main_thread()


@sample.task(name="late_coroutine")
def late_coroutine() -> Any:
    async def inner() -> str:
        await asyncio.sleep(0)
        return "awaited"

    return inner()


@sample.task(name="context", pass_context=True)
async def with_context(context: JobContext, **args: Any) -> dict[str, Any]:
    job = context.job
    return {
        "id": job.id,
        "queue": job.queue,
        "task": job.task_name,
        "args": job.task_kwargs,
        "attempts": job.attempts,
        "worker": context.worker_name,
        "same_task": context.task.name == job.task_name,
        "evolved": context.evolve(worker_name="other").worker_name,
        "abort": context.should_abort(),
    }


@sample.task(name="leak")
async def leak(value: str) -> str:
    before = colour.get()
    colour.set(value)
    await asyncio.sleep(0)
    return before


async def doubling(call_next: Any, context: JobContext, worker: Any) -> Any:
    return 2 * await call_next()


def trebling(call_next: Any, context: JobContext, worker: Any) -> Any:
    return 3 * call_next()


@sample.task(name="doubled", task_middleware=[doubling])
async def doubled(a: int) -> int:
    return a


@sample.task(name="trebled", task_middleware=[trebling])
def trebled(a: int) -> int:
    return a


@sample.task(name="flaky", retry=RetryStrategy(max_attempts=2), pass_context=True)
async def flaky(context: JobContext, good_at: int) -> int:
    if context.job.attempts < good_at:
        raise ValueError(f"attempt {context.job.attempts}")
    return context.job.attempts


class ElsewhereStrategy(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Any) -> RetryDecision | None:
        if job.attempts:
            return None
        return RetryDecision(retry_in={"milliseconds": 50}, priority=7, queue="elsewhere")


@sample.task(name="elsewhere", retry=ElsewhereStrategy(), pass_context=True)
async def elsewhere(context: JobContext) -> list[Any]:
    if not context.job.attempts:
        raise ValueError("not here")
    return [context.job.queue, context.job.priority]


class BadStrategy(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Any) -> RetryDecision | None:
        return RetryDecision(priority=2**40, queue="x\x00")


@sample.task(name="bad_strategy", retry=BadStrategy())
async def bad_strategy() -> None:
    raise ValueError("first")


@sample.task(name="nap")
async def nap(seconds: float = 0.05) -> str:
    await asyncio.sleep(seconds)
    return "rested"


@sample.task(name="nap_sync")
def nap_sync(seconds: float = 0.05) -> str:
    time.sleep(seconds)
    return "rested"


@sample.task(name="patient", pass_context=True)
def patient(context: JobContext) -> None:
    while not context.should_abort():
        time.sleep(0.01)
    raise JobAborted


@sample.task(name="hang")
def hang() -> None:
    threading.Event().wait()


@sample.task(name="hang_with_timeout")
def hang_with_timeout() -> None:
    threading.Event().wait()


hang_with_timeout.onewriter_timeout = 0.2  # type: ignore[attr-defined]


@sample.task(name="stubborn")
async def stubborn() -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


@sample.task(name="block")
async def block(seconds: float) -> str:
    time.sleep(seconds)
    return "blocked"


@sample.task(name="crash_when")
async def crash_when(file: str) -> None:
    while not Path(file).exists():
        await asyncio.sleep(0.01)
    os._exit(17)


@sample.task(name="wait_for")
async def wait_for(file: str) -> str:
    while not Path(file).exists():
        await asyncio.sleep(0.01)
    return "rested"


@sample.task(name="leave")
async def leave(how: str) -> None:
    if how == "exit":
        sys.exit(3)
    if how == "interrupt":
        raise KeyboardInterrupt
    raise BaseException("odd")  # noqa: TRY002


@sample.task(name="leave_sync")
def leave_sync() -> None:
    sys.exit(3)


@sample.task(name="returns")
async def returns(what: str) -> Any:
    loop: list[Any] = []
    loop.append(loop)
    return {
        "object": object(),
        "set": {1},
        "bytes": b"x",
        "nan": float("nan"),
        "nested_inf": {"a": [float("inf")]},
        "nul": "a\x00b",
        "surrogate": "\ud800",
        "itself": loop,
        "big": "x" * 300_000,
        "tuple": (1, 2),
        "int_keys": {1: "a"},
        "huge_int": 2**70,
        "none": None,
        "text": "ü✓",
    }[what]


@sample.task(name="fails")
async def fails(how: str) -> None:
    if how == "nul":
        raise ValueError("a\x00b \ud800")
    if how == "long":
        raise ValueError("x" * 100_000)
    if how == "unprintable":
        raise Unprintable
    raise ValueError(how)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@sample.task(name="defers", pass_context=True)
async def defers(context: JobContext, how: str) -> str:
    manager = context.app.job_manager
    try:
        if how == "defer":
            await add.defer_async(a=1)
        elif how == "defer_sync":
            add.defer(a=1)
        elif how == "configure":
            await context.app.configure_task("sample.add").defer_async(a=1)
        elif how == "batch":
            add.batch_defer({"a": 1}, {"a": 2})
        elif how == "manager":
            await manager.cancel_job_by_id_async(1)
        elif how == "list":
            await manager.list_jobs_async()
        else:
            await manager.delete_old_jobs(nb_hours=1)
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"
    return "went through"


@sample.periodic(cron="* * * * * *")
@sample.task(name="tick")
async def tick(timestamp: int) -> None:
    """Nobody defers this here."""
