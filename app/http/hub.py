"""One hub per job that somebody listens to: it reads what is new once and hands it to all of them."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import psycopg

from app.database.pool import Connection
from app.errors import OnewriterError
from app.http.frames import Frame, end_frame, note_frame, progress_frame, state_frame, state_of
from app.http.watch import wait_for
from app.queries.jobs import get_outcome
from app.queries.notes import START, JobStream, Position, get_stream, list_notes

log = logging.getLogger(__name__)

# Bytes that wait for one listener, more than what comes at once; whoever is further behind comes back and
# reads by himself. Frames are shared: many slow ones take no more memory than one.
MOST_WAITING = 4 * 1024 * 1024
# Notes are read so many at a time, and at most PAGE_BYTES.
PAGE = 200

Lend = Callable[[], AbstractAsyncContextManager[Connection]]


class Follower:
    """One listener's frames, bounded. `cut` is called when it was too slow, and it gets no more."""

    def __init__(self, kinds: Collection[str], after: Position, cut: Callable[[], object]) -> None:
        self.after = after
        self._kinds = {*kinds, "end"}
        self._cut = cut
        self._frames: deque[Frame] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._closed = False

    def wants(self, frame: Frame) -> bool:
        """Not what it had before it came; a state and progress are no notes, and always new."""
        fresh = frame.event in ("state", "progress") or frame.position > self.after
        return fresh and frame.event in self._kinds

    def put(self, frame: Frame) -> None:
        if self._closed or not self.wants(frame):
            return
        self._size += frame.size
        self._frames.append(frame)
        self._news.set()
        if self._size > MOST_WAITING:
            self._frames.clear()
            self.close()
            self._cut()

    def close(self) -> None:
        self._closed = True
        self._news.set()

    async def take(self, patience: float) -> list[Frame] | None:
        """What has come, after `patience` seconds perhaps nothing; None: there will be no more."""
        if not self._frames:
            if self._closed:
                return None
            await wait_for(self._news, patience)
        self._news.clear()
        taken, self._size = list(self._frames), 0
        self._frames.clear()
        return taken or (None if self._closed else [])


class Joined(NamedTuple):
    """Where a follower came in: the snapshot, how far to read for itself, and the end if it was there."""

    state: Frame
    position: Position
    end: Frame | None


class Hub:
    """`state` and `position` are of the last look: what is behind them comes to the followers."""

    def __init__(self, job_id: int, lend: Lend) -> None:
        self.job_id = job_id
        self.state: JobStream | None = None
        self.position = START
        self.end: Frame | None = None
        self.closed = False
        self.users = 0
        self.task: asyncio.Task[None] | None = None
        self._lend = lend
        self._followers: set[Follower] = set()
        self._looking = asyncio.Lock()

    async def open(self) -> None:
        """The first look, once for all who come at the same time."""
        async with self._looking:
            if self.state is None and not self.closed:
                await self._look()

    def join(self, follower: Follower) -> Joined | None:
        """None if the job is gone.

        The snapshot has the follower's own id: it is told before what the follower missed.
        """
        self._followers.add(follower)
        if self.closed:
            follower.close()
        if self.state is None:
            return None
        return Joined(state_frame(self.state, follower.after), self.position, self.end)

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)

    def close(self) -> None:
        """Nobody gets more; those who come back find another hub."""
        self.closed = True
        for follower in self._followers:
            follower.close()

    async def run(self, changed: asyncio.Event) -> None:
        """Until the job is final or gone, or cannot be read."""
        try:
            while not self.closed and self.end is None:
                changed.clear()
                await self.look()
                if self.end is None:
                    await changed.wait()
        except (OnewriterError, psycopg.Error, OSError) as exc:
            # The answers have begun, so they can only end; the clients resume where they were.
            log.warning("streams of job %s cut short: %s", self.job_id, type(exc).__name__)
        finally:
            self.close()

    async def look(self) -> None:
        """One read for all followers."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        async with self._lend() as conn:
            stream = await get_stream(conn, job_id=self.job_id)
            if stream is None:
                self.state = None
                self.close()
            elif self.state is None:  # the first look: everybody reads for himself what was before
                self.state, self.position = stream, stream.position
            else:
                await self._advance(conn, self.state, stream)
            if stream is not None and stream.final:
                await self._finish(conn, stream)

    async def _advance(self, conn: Connection, old: JobStream, new: JobStream) -> None:
        """A run's notes stand behind its start and before its end."""
        earlier = Position(new.claim_no, 0) if new.status == "running" else new.position
        await self._tell_notes(conn, min(new.position, earlier))
        self.state = new
        if state_of(new) != state_of(old):
            self._tell(state_frame(new, self.position))
        if new.progress != old.progress:
            self._tell(progress_frame(new, self.position))
        await self._tell_notes(conn, new.position)

    async def _tell_notes(self, conn: Connection, until: Position) -> None:
        while self.position < until:
            notes = await list_notes(conn, job_id=self.job_id, after=self.position, until=until, limit=PAGE)
            for note in notes:
                self._tell(note_frame(note))
            self.position = notes[-1].position if notes else until

    async def _finish(self, conn: Connection, stream: JobStream) -> None:
        outcome = await get_outcome(conn, job_id=self.job_id)
        if outcome is not None and outcome.final:
            self.end = end_frame(outcome, stream.end)
            self._tell(self.end)

    def _tell(self, frame: Frame) -> None:
        for follower in tuple(self._followers):
            follower.put(frame)

    async def missed(self, after: Position, until: Position) -> AsyncIterator[list[Frame]]:
        """What was said before a follower joined, read for it alone and page by page."""
        while after < until:
            async with self._lend() as conn:
                notes = await list_notes(conn, job_id=self.job_id, after=after, until=until, limit=PAGE)
            yield [note_frame(note) for note in notes]
            after = notes[-1].position if notes else until
