"""GET …/history: who did what to a job, when and why."""

from aiohttp import web

from app.http.bodies import HistoryPage, ListHistory
from app.http.reading import visible_job
from app.http.registry import Call
from app.http.requests import job_id_of, json_response, read_query
from app.queries.history import list_history


async def history(call: Call) -> web.Response:
    query = read_query(call.request, ListHistory)
    job = await visible_job(call, job_id_of(call.request))
    async with call.services.connection() as conn:
        found = await list_history(conn, job_id=job.id, after=query.after, limit=query.limit + 1)
    items = found[: query.limit]
    return json_response(HistoryPage(items, items[-1].id if len(found) > query.limit else None))
