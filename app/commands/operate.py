"""Verbs on one job: cancel, retry, run-now, remove. Each is one call of the SQL function that decides."""

from dataclasses import dataclass

from app.database.calls import call_object
from app.database.pool import Connection


@dataclass(frozen=True, slots=True)
class Operated:
    """`job_id` is the job to look at now, `wake` the channels to signal after the commit."""

    job_id: int
    wake: list[str]
    status: str | None = None
    created: bool = False


async def cancel(conn: Connection, *, job_id: int, actor: str, reason: str | None) -> Operated:
    """Waiting: cancelled now. Running: an abort is asked. Raises OWN01, OWN03, OWS01."""
    return await _operate(conn, "select server_api.cancel(%s, %s, %s)", job_id, actor, reason)


async def retry(conn: Connection, *, job_id: int, actor: str, reason: str | None) -> Operated:
    """One more run of a job that did not succeed; same id. Raises OWN01, OWN03, OWS01, OWQ01."""
    return await _operate(conn, "select server_api.retry(%s, %s, %s)", job_id, actor, reason)


async def run_now(
    conn: Connection, *, job_id: int, actor: str, reason: str, request_id: str | None = None
) -> Operated:
    """Scheduled: due now. Finished: a new job, caused by the old one. Audited. Raises OWN01, OWN03, OWS01."""
    return await _operate(
        conn, "select server_api.run_now(%s, %s, %s, %s)", job_id, actor, reason, request_id
    )


async def remove(
    conn: Connection, *, job_id: int, actor: str, reason: str | None, request_id: str | None = None
) -> Operated:
    """A finished job is deleted with its attempts and events. Audited. Raises OWN01, OWN03, OWS01."""
    return await _operate(conn, "select server_api.remove(%s, %s, %s, %s)", job_id, actor, reason, request_id)


async def _operate(conn: Connection, statement: str, job_id: int, *rest: str | None) -> Operated:
    answer = await call_object(conn, statement, job_id, *rest)
    return Operated(
        job_id=answer.get("job_id") or job_id,
        wake=answer.get("wake") or [],
        status=answer.get("status"),
        created=bool(answer.get("created")),
    )
