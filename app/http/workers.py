"""/v1/workers: the registry."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from aiohttp import web

from app.commands import workers as commands
from app.commands.workers import Description
from app.database.pool import Connection
from app.database.storing import storing
from app.errors import Invalid, InvalidConfiguration, InvalidTransition, WorkerNotFound
from app.http import bodies
from app.http.content import decode
from app.http.cursors import make_cursor, read_cursor
from app.http.registry import Call
from app.http.requests import json_response, read_body, read_optional, read_query, worker_id_of
from app.queries import workers as queries
from app.queries.workers import Worker

_NEW = msgspec.json.Decoder(bodies.NewWorker)
_STATUS = msgspec.json.Decoder(bodies.NewStatus)
_WHY = msgspec.json.Decoder(bodies.Why)


async def register(call: Call) -> web.Response:
    body = await read_body(call.request) or b"{}"
    with _content_is(InvalidConfiguration):
        new = decode(_NEW, body)
    async with call.services.connection() as conn:
        worker_id = await commands.register(
            conn, Description(**msgspec.structs.asdict(new)), actor=call.key.name
        )
        worker = await _worker(conn, worker_id)
    return json_response(worker, status=201, headers={"Location": f"/v1/workers/{worker_id}"})


async def list_(call: Call) -> web.Response:
    query = read_query(call.request, bodies.ListWorkers)
    secret, filters = call.key.hash, msgspec.json.encode(["workers", query.status])
    after = read_cursor(query.cursor, secret=secret, filters=filters) if query.cursor else 0
    with storing("list the workers"):
        async with call.services.connection() as conn:
            found = await queries.list_workers(
                conn, status=query.status, after_id=after, limit=query.limit + 1
            )
    items, more = found[: query.limit], len(found) > query.limit
    return json_response(
        bodies.WorkerPage(items, make_cursor(items[-1].id, secret=secret, filters=filters) if more else None)
    )


async def show(call: Call) -> web.Response:
    """`worker.running` counts all its jobs; those that the key may not see are not listed."""
    query, worker_id = read_query(call.request, bodies.History), worker_id_of(call.request)
    async with call.services.connection() as conn:
        worker = await _worker(conn, worker_id)
        with storing("read the worker"):
            running = await queries.list_running(conn, worker_id=worker_id)
            detail = bodies.WorkerDetail(
                worker=worker,
                sessions=await queries.list_sessions(conn, worker_id=worker_id),
                running=[job for job in running if call.key.sees(job.queue, job.task)],
                heartbeats=await queries.list_heartbeats(conn, worker_id=worker_id, limit=query.history),
                transitions=await queries.list_transitions(conn, worker_id=worker_id),
            )
    return json_response(detail)


async def set_status(call: Call) -> web.Response:
    body, worker_id = await read_body(call.request) or b"{}", worker_id_of(call.request)
    with _content_is(InvalidTransition):
        new = decode(_STATUS, body)
    async with call.services.connection() as conn:
        await commands.set_status(
            conn, worker_id=worker_id, status=new.status, actor=call.key.name, reason=new.reason
        )
        return json_response(await _worker(conn, worker_id))


async def heartbeat(call: Call) -> web.Response:
    worker_id = worker_id_of(call.request)
    async with call.services.connection() as conn:
        await commands.heartbeat(conn, worker_id=worker_id)
        return json_response(await _worker(conn, worker_id))


async def drain(call: Call) -> web.Response:
    why, worker_id = await read_optional(call.request, _WHY, bodies.Why()), worker_id_of(call.request)
    async with call.services.connection() as conn:
        await commands.drain(conn, worker_id=worker_id, actor=call.key.name, reason=why.reason)
        return json_response(await _worker(conn, worker_id), status=202)


async def resume(call: Call) -> web.Response:
    why, worker_id = await read_optional(call.request, _WHY, bodies.Why()), worker_id_of(call.request)
    async with call.services.connection() as conn:
        await commands.resume(conn, worker_id=worker_id, actor=call.key.name, reason=why.reason)
        return json_response(await _worker(conn, worker_id), status=202)


async def remove(call: Call) -> web.Response:
    reason, worker_id = read_query(call.request, bodies.WhyQuery).reason, worker_id_of(call.request)
    async with call.services.connection() as conn:
        await commands.remove(conn, worker_id=worker_id, actor=call.key.name, reason=reason)
    return web.Response(status=204)


async def _worker(conn: Connection, worker_id: int) -> Worker:
    """Raises WorkerNotFound, StorageFailed."""
    with storing("read the worker"):
        worker = await queries.get_worker(conn, worker=worker_id)
    if worker is None:
        raise WorkerNotFound(f"no worker has the id {worker_id}")
    return worker


@contextmanager
def _content_is(wrong: type[Invalid]) -> Iterator[None]:
    """The registry answers 400 for what a worker cannot be, where other bodies have a 422."""
    try:
        yield
    except Invalid as error:
        raise wrong(error.detail, errors=error.errors) from None
