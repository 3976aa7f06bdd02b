"""GET …/events: a job's state, progress, logs and chunks, as they come and resumable by id."""

import logging
from collections.abc import Callable, Iterable
from contextlib import nullcontext

import psycopg
from aiohttp import hdrs, web
from aiohttp_sse import EventSourceResponse

from app.errors import OnewriterError
from app.http.bodies import Follow
from app.http.frames import Frame
from app.http.hub import Follower, Hub
from app.http.reading import refuse_missing, refuse_unseen
from app.http.registry import ANY_ORIGIN, REQUEST_ID, Call
from app.http.requests import job_id_of, read_query
from app.queries.notes import START, JobStream, Position

log = logging.getLogger(__name__)

NDJSON = "application/x-ndjson"
KINDS = ("state", "progress", "log", "chunk")
# Seconds between signs of life.
BEAT = 15.0
UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class Events(EventSourceResponse):
    """Server-sent events; aiohttp-sse sends its own comments as signs of life."""

    async def tell(self, frame: Frame) -> None:
        await self.send(frame.data.decode(), id=str(frame.position), event=frame.event)

    async def beat(self) -> None:
        pass


class Lines(web.StreamResponse):
    """One JSON object a line; an empty line is a sign of life."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__(headers={**UNBUFFERED, **headers, hdrs.CONTENT_TYPE: NDJSON})

    async def tell(self, frame: Frame) -> None:
        await self.write(frame.line)

    async def beat(self) -> None:
        await self.write(b"\n")


async def events(call: Call) -> web.StreamResponse:
    """Ends when the job is final. 204 tells an EventSource that has seen it all not to come back."""
    query = read_query(call.request, Follow)
    job_id = job_id_of(call.request)
    async with call.services.hubs.on(job_id) as hub:
        stream = await _visible(call, hub)
        last_id = call.request.headers.get(hdrs.LAST_EVENT_ID) or query.last_event_id
        after = await _resumed(hub, stream, last_id)
        if hub.end is not None and after >= hub.end.position:
            return web.Response(status=204)
        answer = _answer(call)
        await answer.prepare(call.request)
        async with answer if isinstance(answer, Events) else nullcontext():
            follower = Follower(query.kinds.split(",") if query.kinds else KINDS, after, _cutter(call))
            try:
                await _stream(call, answer, hub, follower, after)
            except (OnewriterError, psycopg.Error, OSError) as exc:
                # The answer has begun, so it can only end; the client resumes where it was.
                log.warning("stream of job %s cut short: %s", job_id, type(exc).__name__)
            finally:
                hub.leave(follower)
    return answer


async def _visible(call: Call, hub: Hub) -> JobStream:
    """Raises JobNotFound, also for a job that the key may not see, and JobGone."""
    if hub.state is None:
        async with call.services.connection() as conn:
            await refuse_missing(conn, call.key, hub.job_id)
    refuse_unseen(call.key, hub.state)
    return hub.state


async def _resumed(hub: Hub, stream: JobStream, last_id: str | None) -> Position:
    """An id from elsewhere skips nothing: better an event twice than one never."""
    after = last_id and Position.read(last_id)
    if not after:
        return START
    if after > stream.reach:  # told by another process, which may have heard of it earlier
        await hub.look()
    return after if hub.state is not None and after <= hub.state.reach else START


def _answer(call: Call) -> Events | Lines:
    headers: dict[str, str] = {REQUEST_ID: call.request_id, **ANY_ORIGIN}
    if NDJSON in call.request.headers.get(hdrs.ACCEPT, ""):
        return Lines(headers)
    return Events(headers=headers, ping_interval=BEAT)


def _cutter(call: Call) -> Callable[[], None]:
    """Ends the connection of a reader that is too slow to wait for."""

    def cut() -> None:
        if call.request.transport is not None:
            call.request.transport.abort()

    return cut


async def _stream(call: Call, answer: Events | Lines, hub: Hub, follower: Follower, after: Position) -> None:
    """The snapshot, what was said before, and what comes; from `join` on nothing is lost between."""
    joined = hub.join(follower)
    if joined is None:
        return
    await _tell(answer, follower, [joined.state])
    async for frames in hub.missed(after, joined.position):
        await _tell(answer, follower, frames)
    if joined.end is not None:
        await answer.tell(joined.end)
        return
    while (news := await follower.take(BEAT)) is not None:
        await call.check_key()
        await _tell(answer, follower, news)
        if not news:
            await answer.beat()


async def _tell(answer: Events | Lines, follower: Follower, frames: Iterable[Frame]) -> None:
    for frame in frames:
        if follower.wants(frame):
            await answer.tell(frame)
