"""A thread per slot for sync tasks: a thread that hangs takes its slot along and no other."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any

_Work = tuple[asyncio.Future[tuple[Any, BaseException | None]], contextvars.Context, Callable[[], Any]]


class SlotThread:
    """Daemon threads: one that never returns must not keep the process from ending."""

    def __init__(self, name: str):
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self.thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self.thread.start()

    async def call(self, context: contextvars.Context, function: Callable[[], Any]) -> Any:
        """Runs the function in the thread; its outcome, whatever it raises, is raised here."""
        future: asyncio.Future[tuple[Any, BaseException | None]] = self._loop.create_future()
        self._work.put((future, context, function))
        result, error = await future
        if error is not None:
            raise error
        return result

    def stop(self) -> None:
        self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            future, context, function = work
            try:
                outcome: tuple[Any, BaseException | None] = (context.run(function), None)
            except BaseException as exc:  # noqa: BLE001 (raised again in the slot)
                outcome = (None, exc)
            # The loop may have ended while this thread hung.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_resolve, future, outcome)


def _resolve(
    future: asyncio.Future[tuple[Any, BaseException | None]], outcome: tuple[Any, BaseException | None]
) -> None:
    if not future.done():
        future.set_result(outcome)
