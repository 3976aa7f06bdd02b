"""NOTIFY after the commit, from one place per process.

A NOTIFY inside a transaction holds a cluster-wide lock until its commit is flushed; one of nothing but NOTIFY
writes no WAL. So: commit first, then signal here, coalesced. A signal lost with the process costs a
worker one heartbeat, never a job.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from functools import lru_cache
from types import TracebackType
from typing import Self

import psycopg

from app.database.backoff import Backoff
from app.database.direct import Direct

log = logging.getLogger(__name__)

ANY_QUEUE = "ow_any"
MIN_GAP = 0.002


@lru_cache(maxsize=4096)
def queue_channel(queue: str) -> str:
    """The channel of one queue; a hash, so that no name can be too long for it."""
    return "ow_q_" + hashlib.md5(queue.encode(), usedforsecurity=False).hexdigest()[:16]


@lru_cache(maxsize=4096)
def queue_channels(queue: str) -> tuple[str, str]:
    """What a new job in this queue signals."""
    return ANY_QUEUE, queue_channel(queue)


class Notifier:
    """`notify()` never blocks: it collects channels; one round trip is in flight at most, MIN_GAP apart."""

    def __init__(
        self, dsn: str, *, application_name: str = "onewriter notify", min_gap: float = MIN_GAP
    ) -> None:
        self._dsn = dsn
        self._application_name = application_name
        self._min_gap = min_gap
        self._pending: set[str] = set()
        self._wanted = asyncio.Event()
        self._signalled = 0.0
        self._direct: Direct | None = None
        self._task: asyncio.Task[None] | None = None

    def notify(self, channels: Iterable[str]) -> None:
        self._pending.update(channels)
        if self._pending:
            self._wanted.set()

    def yields(self) -> bool:
        """Whether nothing was signalled lately: the caller may then send its own NOTIFYs behind its commit.

        That saves them a round trip and the waking of another backend; the gap begins anew.
        """
        now = asyncio.get_running_loop().time()
        if self._wanted.is_set() or now - self._signalled < self._min_gap:
            return False
        self._signalled = now
        return True

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="notifier")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._last_words()
        await self._drop()

    async def _run(self) -> None:
        backoff = Backoff()
        failed = False
        while True:
            await self._wanted.wait()
            try:
                await self._flush()
            except (psycopg.Error, OSError) as exc:
                if not failed:  # one line per outage
                    log.warning("NOTIFY failed, trying again: %s", str(exc).split("\n")[0])
                failed = True
                await self._drop()
                await asyncio.sleep(backoff.next())
            else:
                failed = False
                backoff.reset()
                await asyncio.sleep(self._min_gap)

    async def _flush(self) -> None:
        channels, self._pending = self._pending, set()
        self._wanted.clear()
        self._signalled = asyncio.get_running_loop().time()
        try:
            if self._direct is None or self._direct.broken:
                await self._drop()
                self._direct = await Direct.connect(self._dsn, application_name=self._application_name)
            await self._direct.run(_statement(channels))
        except BaseException:
            self.notify(channels)
            raise

    async def _last_words(self) -> None:
        if self._pending:
            try:
                await asyncio.wait_for(self._flush(), 1.0)
            except (psycopg.Error, OSError, TimeoutError):
                log.warning("signals were dropped at the end; workers notice with their next heartbeat")

    async def _drop(self) -> None:
        if self._direct is not None:
            direct, self._direct = self._direct, None
            await direct.close()


@lru_cache(maxsize=4096)
def _notify(channel: str) -> str:
    quoted = channel.replace('"', '""')
    return f'notify "{quoted}"'


def _statement(channels: Iterable[str]) -> bytes:
    return b";".join(notifications(channels))


def notifications(channels: Iterable[str]) -> list[bytes]:
    """A NOTIFY each, always in the same order."""
    return [_notify(channel).encode() for channel in sorted(channels)]
