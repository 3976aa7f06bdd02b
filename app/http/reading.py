"""GET /v1/jobs, /v1/jobs/{id}, /attempts, and the catalogue."""

from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import msgspec
from aiohttp import web

from app.commands.catalogue import Catalogue
from app.database.pool import Connection
from app.errors import FieldError, Invalid, JobGone, JobNotFound, NotFound
from app.http.bodies import Attempts, JobPage, ListJobs, Tasks
from app.http.cursors import make_cursor, read_cursor
from app.http.keyring import Key
from app.http.registry import Call
from app.http.requests import job_id_of, json_response, read_query
from app.queries.attempts import list_attempts
from app.queries.jobs import Job, JobFilter, Outcome, get_job, is_gone, list_jobs
from app.queries.notes import JobStream

Seen = TypeVar("Seen", Job, Outcome, JobStream)


async def visible_job(call: Call, job_id: int) -> Job:
    """Raises JobNotFound, also for a job that the key may not see, and JobGone."""
    return await visible(call, job_id, get_job)


async def visible(call: Call, job_id: int, read: Callable[..., Awaitable[Seen | None]]) -> Seen:
    """What `read` tells of the job; raises as visible_job does."""
    async with call.services.connection() as conn:
        job = await read(conn, job_id=job_id)
        if job is None:
            await refuse_missing(conn, call.key, job_id)
    refuse_unseen(call.key, job)
    return job


def refuse_unseen(key: Key, job: Job | Outcome | JobStream) -> None:
    """Raises JobNotFound."""
    if not key.sees(job.queue, job.task):
        raise JobNotFound(f"no job has the id {job.id}")


async def refuse_missing(conn: Connection, key: Key, job_id: int) -> NoReturn:
    """Raises JobGone where an id was given out; nothing tells a limited key whether it could see that job."""
    if key.sees_all and await is_gone(conn, job_id=job_id):
        raise JobGone(f"the job {job_id} is gone")
    raise JobNotFound(f"no job has the id {job_id}")


async def list_(call: Call) -> web.Response:
    query = read_query(call.request, ListJobs)
    secret, filters = call.key.hash, _filters(query)
    before = read_cursor(query.cursor, secret=secret, filters=filters) if query.cursor else None
    async with call.services.connection() as conn:
        jobs = await list_jobs(conn, where=_where(query, call.key, before), limit=query.limit + 1)
    items = jobs[: query.limit]
    more = len(jobs) > query.limit
    return json_response(
        JobPage(items, make_cursor(items[-1].id, secret=secret, filters=filters) if more else None)
    )


def _filters(query: ListJobs) -> bytes:
    """What a cursor is bound to: everything that decides which jobs are in the list."""
    given = msgspec.structs.asdict(query)
    return msgspec.json.encode({name: given[name] for name in given if name not in ("limit", "cursor")})


def _where(query: ListJobs, key: Key, before: int | None) -> JobFilter:
    for field in ("created_after", "created_before"):
        value = getattr(query, field)
        if value is not None and not 1 < value.year < 9999:
            raise Invalid(errors=[FieldError(field, "its year is out of range")])
    return JobFilter(
        status=query.status,
        queue=query.queue,
        task=query.task,
        key=query.key,
        created_after=query.created_after,
        created_before=query.created_before,
        before_id=before,
        queue_patterns=key.queues.like if key.queues else None,
        task_patterns=key.tasks.like if key.tasks else None,
    )


async def show(call: Call) -> web.Response:
    return json_response(await visible_job(call, job_id_of(call.request)))


async def attempts(call: Call) -> web.Response:
    job = await visible_job(call, job_id_of(call.request))
    async with call.services.connection() as conn:
        return json_response(Attempts(await list_attempts(conn, job_id=job.id)))


async def tasks(call: Call) -> web.Response:
    catalogue = await _catalogue(call)
    names = [
        name for name, entry in catalogue.items() if name == entry.task.name and call.key.sees_task(name)
    ]
    return json_response(Tasks([catalogue[name].task for name in sorted(names)]))


async def task(call: Call) -> web.Response:
    name = call.request.match_info["name"]
    entry = (await _catalogue(call)).get(name)
    if entry is None or not call.key.sees_task(name):
        raise NotFound(f"no task is called {name[:128]}")
    return json_response(entry.task)


async def _catalogue(call: Call) -> Catalogue:
    return await call.services.catalogue.get()
