"""How to call each task, worked out once: stock semantics of middlewares, contexts and aliases."""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from procrastinate import middleware
from procrastinate.tasks import Task

from worker.run import Run, RunContext
from worker.threads import SlotThread
from worker.timeouts import task_timeout

if TYPE_CHECKING:
    from worker.process import Worker

# Results of these types are never awaitable, which saves the look on the hot path.
PLAIN_TYPES = frozenset({type(None), bool, int, float, str, dict, list, tuple})


class Plan:
    """`plain` tasks (async, no middleware anywhere) are called by the slot itself."""

    __slots__ = ("func", "is_async", "middlewares", "pass_context", "plain", "task", "timeout")

    def __init__(self, task: Task[..., Any, ...], worker: Worker):
        self.task = task
        self.func = task.func
        self.is_async = inspect.iscoroutinefunction(task.func)
        self.pass_context = task.pass_context
        self.middlewares = self._chosen(worker) + task.task_middleware
        self.timeout = task_timeout(task)
        self.plain = self.is_async and not self.middlewares and not worker.worker_middleware

    def _chosen(self, worker: Worker) -> list[middleware.TaskMiddleware]:
        """Worker-wide task middlewares of the task's own kind, as stock does."""
        return [one for one in worker.task_middleware if middleware.is_async_middleware(one) == self.is_async]

    async def call(self, run: Run, worker: Worker, thread: Callable[[], SlotThread]) -> Any:
        """The long way, for everything that is not plain."""
        context = RunContext(run, worker)
        args = [context] if self.pass_context else []
        kwargs = run.arguments()

        async def run_async() -> Any:
            return await self.task(*args, **kwargs)

        def run_sync() -> Any:
            return self.task(*args, **kwargs)

        async def run_job() -> Any:
            if self.is_async:
                result = await middleware.compose(self.middlewares, run_async, context, worker)()
            else:
                composed = middleware.compose(self.middlewares, run_sync, context, worker)
                result = await thread().call(contextvars.copy_context(), composed)
            return await result if inspect.isawaitable(result) else result

        return await middleware.compose(worker.worker_middleware, run_job, context, worker)()
