"""Group commit: enqueues that arrive while a flush is in flight share the next one.

Nothing waits for a timer: an idle enqueuer flushes at once, a busy one collects. One request's bad content
never fails its neighbours, and a request that goes away never touches the flush its job is in.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec
import psycopg

from app.commands.enqueue_lane import Lane
from app.commands.jobs_in import JobIn, Replay
from app.database.notifier import Notifier, notifications, queue_channels
from app.database.repeat import repeated
from app.database.sqlstates import is_content, translate
from app.errors import DatabaseUnavailable, Overloaded, QueueingLockTaken
from app.histogram import Histogram
from app.settings import DEFAULT_ENVIRONMENT

log = logging.getLogger(__name__)

FLUSH_ITEMS = 1_000
FLUSH_BYTES = 4 * 1024 * 1024
FLUSH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, FLUSH_ITEMS)
RETRY_AFTER = 1

Outcome = int | Replay
_encode = msgspec.json.Encoder().encode


class _Waiting:
    __slots__ = ("future", "payload", "queue")

    def __init__(self, payload: bytes, queue: str, future: asyncio.Future[Outcome]) -> None:
        self.payload = payload
        self.queue = queue
        self.future = future


class _Answer(msgspec.Struct):
    ids: list[int | None]
    conflicts: dict[str, int | None] = {}
    replays: dict[str, Replay] = {}


_decode = msgspec.json.Decoder(_Answer).decode


def _read_answer(text: bytes, expected: int) -> _Answer:
    answer = _decode(text)
    if len(answer.ids) != expected:
        raise ValueError(f"{len(answer.ids)} ids for {expected} jobs")
    return answer


class Enqueuer:
    """Call `submit` for one job; `start` and `close` frame its life. `flushes` counts the jobs of each."""

    def __init__(
        self,
        dsn: str,
        notifier: Notifier,
        *,
        lanes: int = 1,
        backlog: int = 10_000,
        environment: str = DEFAULT_ENVIRONMENT,
    ) -> None:
        self._notifier = notifier
        self._most = backlog
        self._pending: deque[_Waiting] = deque()
        self._wanted = asyncio.Event()
        self._lanes = [Lane(dsn, environment) for _ in range(lanes)]
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self.flushes = Histogram(FLUSH_SIZES)

    @property
    def backlog(self) -> int:
        """Jobs that wait for a flush."""
        return len(self._pending)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._serve(lane), name="enqueue lane") for lane in self._lanes]

    async def close(self) -> None:
        """Flushes what waits, then closes the connections."""
        self._closing = True
        self._wanted.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for lane in self._lanes:
            await lane.close()

    async def submit(self, job: JobIn) -> Outcome:
        """The new job's id, committed; or what an earlier request with the same Idempotency-Key got.

        Raises QueueingLockTaken, Invalid, DatabaseUnavailable, Overloaded.
        """
        if self._closing or self.backlog >= self._most:
            raise Overloaded("the enqueue backlog is full", retry_after=RETRY_AFTER)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._pending.append(_Waiting(_encode(job), job.queue, future))
        self._wanted.set()
        return await future

    async def _serve(self, lane: Lane) -> None:
        while not (self._closing and not self._pending):
            await self._wanted.wait()
            batch = self._take()
            if batch:
                self.flushes.add(len(batch))
                await self._flush(lane, batch)

    def _take(self) -> list[_Waiting]:
        pending, size = self._pending, 0
        batch: list[_Waiting] = []
        while pending and len(batch) < FLUSH_ITEMS and size < FLUSH_BYTES:
            item = pending.popleft()
            if not item.future.done():
                batch.append(item)
                size += len(item.payload)
        if not pending and not self._closing:
            self._wanted.clear()
        return batch

    async def _flush(self, lane: Lane, batch: Sequence[_Waiting]) -> None:
        channels = {channel for item in batch for channel in queue_channels(item.queue)}
        quiet = self._notifier.yields()
        try:
            answer = await self._call(lane, batch, channels if quiet else ())
        except psycopg.Error as exc:
            self._notifier.notify(channels)  # what it says may have been committed
            if is_content(exc) and len(batch) > 1:
                for item in batch:
                    await self._flush(lane, [item])
            else:
                _fail(batch, exc)
        except Exception as exc:
            log.exception("an enqueue flush broke")
            _fail(batch, exc)
        else:
            if not quiet:
                self._notifier.notify(channels)
            _settle(batch, answer)

    async def _call(self, lane: Lane, batch: Sequence[_Waiting], channels: Iterable[str]) -> _Answer:
        text = b"[" + b",".join([item.payload for item in batch]) + b"]"
        signals = notifications(channels)
        return _read_answer(await repeated(lambda: lane.enqueue_many(text, signals)), len(batch))


def _settle(batch: Sequence[_Waiting], answer: _Answer) -> None:
    for index, (item, job_id) in enumerate(zip(batch, answer.ids, strict=True)):
        if item.future.done():
            continue
        if job_id is not None:
            item.future.set_result(job_id)
        else:
            _settle_missing(item, answer, str(index))


def _settle_missing(item: _Waiting, answer: _Answer, index: str) -> None:
    replay = answer.replays.get(index)
    if replay is not None:
        item.future.set_result(replay)
    elif index in answer.conflicts:
        other = answer.conflicts[index]
        detail = f"job {other} waits with it" if other is not None else "the job that had it has just begun"
        item.future.set_exception(QueueingLockTaken(detail, facts={"job_id": other}))
    else:
        item.future.set_exception(DatabaseUnavailable("no outcome was told", retry_after=RETRY_AFTER))


def _fail(batch: Sequence[_Waiting], exc: Exception) -> None:
    for item in batch:
        if not item.future.done():
            item.future.set_exception(translate(exc))
