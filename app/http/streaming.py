"""GET …/events: the changes of a job's state as server-sent events, resumable by Last-Event-ID."""

import logging
from collections.abc import Iterator, Sequence

import msgspec
import psycopg
from aiohttp import hdrs, web
from aiohttp_sse import EventSourceResponse

from app.errors import OnewriterError
from app.http.reading import refuse_missing, visible_job
from app.http.registry import REQUEST_ID, Call
from app.http.requests import job_id_of
from app.http.results import RELOOK, wait_for
from app.queries.attempts import Event, list_events
from app.queries.jobs import FINAL, get_states

log = logging.getLogger(__name__)


async def events(call: Call) -> web.StreamResponse:
    """Ends when the job is final. 204 tells an EventSource that has seen it all not to come back."""
    job = await visible_job(call, job_id_of(call.request))
    progress = _Progress(call.request.headers.get(hdrs.LAST_EVENT_ID))
    final, found = await _look(call, job.id)
    fresh = list(progress.after(found))
    if final and not fresh and progress.resumed:
        return web.Response(status=204)
    response = EventSourceResponse(headers={REQUEST_ID: call.request_id})
    await response.prepare(call.request)
    async with response:
        try:
            await _send(response, fresh)
            if not final:
                await _follow(call, job.id, response, progress)
        except (OnewriterError, psycopg.Error, OSError) as exc:
            # The answer has begun, so it can only end; the client resumes where it was.
            log.warning("stream of job %s cut short: %s", job.id, type(exc).__name__)
    return response


async def _follow(call: Call, job_id: int, response: EventSourceResponse, progress: "_Progress") -> None:
    async with call.services.watch.on(job_id) as changed:
        while response.is_connected() and not call.services.stopping.is_set():
            changed.clear()
            final, found = await _look(call, job_id)
            await _send(response, progress.after(found))
            if final:
                return
            await wait_for(changed, RELOOK)


async def _look(call: Call, job_id: int) -> tuple[bool, list[Event]]:
    """The state first: whatever made it final is then among the events."""
    async with call.services.connection() as conn:
        states = await get_states(conn, job_ids=[job_id])
        if not states:
            await refuse_missing(conn, call.key, job_id)
        return states[0].status in FINAL, await list_events(conn, job_id=job_id)


async def _send(response: EventSourceResponse, events: Sequence[Event] | Iterator[Event]) -> None:
    for event in events:
        await response.send(msgspec.json.encode(event).decode(), id=event.id, event=event.type)


class _Progress:
    """What this client has got: by id, since an event may become known after a later one."""

    def __init__(self, last_id: str | None) -> None:
        self._last_id = last_id
        self._sent: set[str] = set()
        self.resumed = False

    def after(self, events: Sequence[Event]) -> Iterator[Event]:
        if self._last_id is not None:
            self._skip(self._last_id, events)
        for event in events:
            if event.id not in self._sent:
                self._sent.add(event.id)
                yield event

    def _skip(self, last_id: str, events: Sequence[Event]) -> None:
        """An id from elsewhere skips nothing: better an event twice than one never."""
        self._last_id = None
        ids = [event.id for event in events]
        if last_id in ids:
            self.resumed = True
            self._sent.update(ids[: ids.index(last_id) + 1])
