"""GET …/result?wait=: a request that waits costs one entry in a map, no connection and no polling."""

import asyncio

from aiohttp import web

from app.http.bodies import JobStatus, Result, Wait
from app.http.reading import visible
from app.http.registry import Call
from app.http.requests import job_id_of, job_url, json_response, read_query
from app.http.watch import wait_for
from app.queries.jobs import Outcome, get_outcome

LONGEST = 60.0
# A NOTIFY is a hint and may be lost with the process that owed it; so look without one, rarely.
RELOOK = 15.0


async def result(call: Call) -> web.Response:
    wait = min(read_query(call.request, Wait).wait, LONGEST)
    job_id = job_id_of(call.request)
    job = await (_wait_final(call, job_id, wait) if wait else visible(call, job_id, get_outcome))
    return json_response(Result.of(job)) if job.final else _still(job)


async def _wait_final(call: Call, job_id: int, wait: float) -> Outcome:
    """Watches before it looks, so that one look is enough for a job that has ended."""
    clock = asyncio.get_running_loop().time
    end = clock() + wait
    async with call.services.watch.on(job_id) as changed:
        while True:
            changed.clear()
            job = await visible(call, job_id, get_outcome)
            left = end - clock()
            if job.final or left <= 0 or call.services.stopping.is_set():
                return job
            await wait_for(changed, min(left, RELOOK))


def _still(job: Outcome) -> web.Response:
    body = JobStatus(job.id, job.status, job.abort_requested)
    return json_response(body, status=202, headers={"Location": job_url(job.id)})
