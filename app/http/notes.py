"""GET …/notes, and POST …/events-token for those who listen from a browser."""

import time
from datetime import UTC, datetime

import msgspec
from aiohttp import hdrs, web

from app.http.bodies import EventsToken, ListNotes, NewEventsToken, NoteOut, NotePage
from app.http.event_tokens import make_token
from app.http.reading import visible, visible_job
from app.http.registry import Call
from app.http.requests import job_id_of, json_response, read_optional, read_query
from app.queries.notes import START, Note, Position, get_stream, list_notes

_TOKEN = msgspec.json.Decoder(NewEventsToken)


async def notes(call: Call) -> web.Response:
    """A page also ends where it gets too large; with a kind the last one may be empty."""
    query = read_query(call.request, ListNotes)
    stream = await visible(call, job_id_of(call.request), get_stream)
    after = Position.read(query.after or "") or START
    async with call.services.connection() as conn:
        found = await list_notes(
            conn, job_id=stream.id, after=after, until=stream.position, kind=query.kind, limit=query.limit
        )
    items = [_shown(note) for note in found]
    more = bool(found) and found[-1].position < stream.position
    return json_response(NotePage(items, items[-1].id if more else None))


def _shown(note: Note) -> NoteOut:
    return NoteOut(str(note.position), note.kind, note.at, note.data)


async def make_events_token(call: Call) -> web.Response:
    asked = await read_optional(call.request, _TOKEN, NewEventsToken())
    job = await visible_job(call, job_id_of(call.request))
    expires = int(min(time.time() + asked.seconds, call.key.expires))
    token = make_token(call.key, job_id=job.id, expires=expires)
    answer = EventsToken(token, datetime.fromtimestamp(expires, UTC))
    return json_response(answer, status=201, headers={hdrs.CACHE_CONTROL: "no-store"})
