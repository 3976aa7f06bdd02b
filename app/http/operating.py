"""POST …/cancel, …/retry, …/run-now; DELETE of a finished job."""

import msgspec
from aiohttp import web

from app.commands import operate
from app.http.bodies import JobStatus, MandatoryWhy, Why, WhyQuery
from app.http.content import decode
from app.http.flow_bodies import Cancel, Cancelled
from app.http.reading import visible_job
from app.http.registry import Call
from app.http.requests import job_id_of, job_url, json_response, read_body, read_optional, read_query
from app.queries.jobs import Status

_CANCEL = msgspec.json.Decoder(Cancel)
_WHY = msgspec.json.Decoder(Why)
_MANDATORY_WHY = msgspec.json.Decoder(MandatoryWhy)


async def cancel(call: Call) -> web.Response:
    why = await read_optional(call.request, _CANCEL, Cancel())
    job = await visible_job(call, job_id_of(call.request))
    async with call.services.connection() as conn:
        done = await operate.cancel(
            conn, job_id=job.id, actor=call.key.name, reason=why.reason, children=why.children
        )
    asked = done.status == "abort_requested"
    status: Status = msgspec.convert("running" if asked else done.status, Status)
    return _accepted(call, done, Cancelled(job.id, status, asked, done.children))


async def retry(call: Call) -> web.Response:
    why = await read_optional(call.request, _WHY, Why())
    job = await visible_job(call, job_id_of(call.request))
    async with call.services.connection() as conn:
        done = await operate.retry(conn, job_id=job.id, actor=call.key.name, reason=why.reason)
    return _accepted(call, done, JobStatus(job.id, "ready"))


async def run_now(call: Call) -> web.Response:
    why = decode(_MANDATORY_WHY, await read_body(call.request) or b"{}")
    job = await visible_job(call, job_id_of(call.request))
    async with call.services.connection() as conn:
        done = await operate.run_now(
            conn, job_id=job.id, actor=call.key.name, reason=why.reason, request_id=call.request_id
        )
    return _accepted(call, done, JobStatus(done.job_id, "ready"), status=201 if done.created else 202)


async def remove(call: Call) -> web.Response:
    reason = read_query(call.request, WhyQuery).reason
    job = await visible_job(call, job_id_of(call.request))
    async with call.services.connection() as conn:
        done = await operate.remove(
            conn, job_id=job.id, actor=call.key.name, reason=reason, request_id=call.request_id
        )
    call.services.notifier.notify(done.wake)
    return web.Response(status=204)


def _accepted(
    call: Call, done: operate.Operated, body: JobStatus | Cancelled, *, status: int = 202
) -> web.Response:
    call.services.notifier.notify(done.wake)
    return json_response(body, status=status, headers={"Location": job_url(body.id)})
