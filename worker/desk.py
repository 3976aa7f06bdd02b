"""Where the two threads meet: jobs one way, outcomes the other. Deques, whose ends are atomic."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from typing import Any

from worker.notes import Books
from worker.run import Run

Item = tuple[Any, ...]


class Desk:
    """`waiting` goes from the link's thread to the event loop; `done`, `retry`, `release`, `books` come back.

    `slots` is written by the event loop only and read by the link's thread as a snapshot.
    """

    def __init__(self, concurrency: int):
        self.concurrency = concurrency
        self.waiting: deque[Run] = deque()
        self.done: deque[Item] = deque()
        self.retry: deque[Item] = deque()
        self.release: deque[Item] = deque()
        self.books = Books(self._said)
        self.slots: list[Any] = []
        self.ended = 0
        self.busy = 0.0
        self.last_end = 0.0
        self.stopping = False
        self.finish = False
        self.asleep = False
        self.wake_fd, self._wake_end = os.pipe()
        os.set_blocking(self.wake_fd, False)
        os.set_blocking(self._wake_end, False)

    def wake(self) -> None:
        """Ends the link's sleep; from any thread."""
        self.asleep = False
        # A full pipe means that it is being woken already; a closed one that it has ended.
        with contextlib.suppress(OSError):
            os.write(self._wake_end, b"w")

    def _said(self) -> None:
        if self.asleep:
            self.wake()

    def swallow_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake_fd, 4096)

    def close(self) -> None:
        os.close(self.wake_fd)
        os.close(self._wake_end)

    def unsent(self) -> int:
        return len(self.done) + len(self.retry) + len(self.release)

    def capacity(self) -> int:
        """Slots that a job can have: those whose job no longer counts (written off, lost) are not."""
        taken = sum(1 for slot in self.slots if slot.run is not None and slot.run.dead)
        return max(self.concurrency - taken, 0)

    def running(self) -> list[Run]:
        runs = [slot.run for slot in self.slots]
        return [run for run in runs if run is not None and not run.dead]

    def give_back_unstarted(self) -> int:
        """Takes from the end, so that a slot which takes from the front at the same time is undisturbed."""
        count = 0
        while True:
            try:
                run = self.waiting.pop()
            except IndexError:
                return count
            self.release.append((run.id, run.claim))
            count += 1
