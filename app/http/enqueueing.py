"""POST /v1/jobs and POST /v1/jobs:batch."""

import asyncio

import msgspec
import psycopg
from aiohttp import web

from app.commands.catalogue import Catalogue
from app.commands.enqueue_batch import enqueue_batch
from app.commands.jobs_in import Cause, JobIn, Replay
from app.database.notifier import queue_channels
from app.database.sqlstates import translate
from app.errors import OnewriterError, QueueingLockTaken, QueueRefusesTask
from app.http.bodies import Enqueued, EnqueuedBatch, NewBatch, NewJob
from app.http.content import decode
from app.http.created import Created, fits
from app.http.idempotency import REPLAYED, idempotency_of, require_same
from app.http.preparing import find, prepare, timing, within
from app.http.registry import Call
from app.http.requests import BATCH_BYTES, job_url, json_response, read_body

MOST_ERRORS = 100
# After this many jobs of a batch the other requests get a turn.
TURN = 200

_NEW_JOB = msgspec.json.Decoder(NewJob)
_NEW_BATCH = msgspec.json.Decoder(NewBatch)
_encode = msgspec.json.Encoder().encode


async def post_job(call: Call) -> web.StreamResponse:
    body = decode(_NEW_JOB, await read_body(call.request))
    entry = find(await _catalogue(call), call.key, body.task)
    asked = timing()
    status = asked.status(body)
    idempotency = idempotency_of(call, body, {"status": status})
    job = prepare(body, entry, call.key, asked.now, request_id=call.request_id, idempotency=idempotency)
    outcome = await call.services.enqueuer.submit(job)
    if isinstance(outcome, Replay):
        return _replay_job(call, outcome, job)
    return _created(call, Enqueued(outcome, status, job.task, job.queue), {})  # type: ignore[arg-type]


def _replay_job(call: Call, replay: Replay, job: JobIn) -> web.StreamResponse:
    assert job.idempotency is not None
    require_same(replay, job.idempotency)
    return _created(call, Enqueued(replay.ids[0], replay.answer["status"], job.task, job.queue), REPLAYED)


def _created(call: Call, body: Enqueued, headers: dict[str, str]) -> web.StreamResponse:
    headers = {"Location": job_url(body.id), **headers}
    if fits(call.request):
        return Created(_encode(body), headers)
    return json_response(body, status=201, headers=headers)


async def post_batch(call: Call) -> web.Response:
    body = decode(_NEW_BATCH, await read_body(call.request, BATCH_BYTES))
    call.key.spend(len(body.jobs) - 1, least=0)  # a job each; the request itself was one
    idempotency = idempotency_of(call, body, {})
    jobs = await _prepare_all(call, body, await _catalogue(call))
    try:
        async with call.services.connection() as conn:
            outcome = await enqueue_batch(conn, jobs=jobs, cause=_cause(call), idempotency=idempotency)
    except psycopg.Error as exc:
        raise _placed(translate(exc)) from exc
    if isinstance(outcome, Replay):
        assert idempotency is not None
        require_same(outcome, idempotency)
        return json_response(EnqueuedBatch(outcome.ids), status=201, headers=REPLAYED)
    for queue in {job.queue for job in jobs}:
        call.services.notifier.notify(queue_channels(queue))
    return json_response(EnqueuedBatch(outcome), status=201)


async def _prepare_all(call: Call, body: NewBatch, catalogue: Catalogue) -> list[JobIn]:
    """Every job, or one error with the faults of all; it is of the first fault's kind."""
    now, jobs, faults = timing().now, [], []
    for index, job in enumerate(body.jobs):
        try:
            jobs.append(prepare(job, find(catalogue, call.key, job.task), call.key, now))
        except OnewriterError as exc:
            faults.append(within(exc, f"jobs[{index}]"))
        if len(faults) >= MOST_ERRORS:
            break
        if index % TURN == TURN - 1:
            await asyncio.sleep(0)
    if faults:
        first = faults[0]
        raise type(first)(first.detail, errors=[error for fault in faults for error in fault.errors])
    return jobs


def _placed(error: OnewriterError) -> OnewriterError:
    """A taken queueing_lock or a queue that doesn't take the task names the job in the batch by its index."""
    if isinstance(error, QueueingLockTaken) and "index" in error.facts:
        return within(error, f"jobs[{error.facts['index']}].queueing_lock")
    if isinstance(error, QueueRefusesTask):
        return within(error, f"jobs[{error.facts['index']}]")
    return error


async def _catalogue(call: Call) -> Catalogue:
    catalogue = call.services.catalogue.peek()
    return catalogue if catalogue is not None else await call.services.catalogue.get()


def _cause(call: Call) -> Cause:
    return Cause(kind="http", actor=call.key.name, request_id=call.request_id)
