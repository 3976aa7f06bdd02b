"""Verbs on one job: cancel, retry, run-now, remove. Each is one call of the SQL function that decides."""

import asyncio
from dataclasses import dataclass, replace

from app.database.calls import call_object
from app.database.pool import Connection
from app.database.repeat import repeated

# How often what somebody holds at the moment is tried again, and the seconds between two tries.
ROUNDS = 40
PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class CancelledChildren:
    """How many of those behind a job were cancelled, asked to abort, or are flows that ended by it."""

    cancelled: int = 0
    abort_requested: int = 0
    flows: int = 0

    def __add__(self, other: "CancelledChildren") -> "CancelledChildren":
        return CancelledChildren(
            self.cancelled + other.cancelled,
            self.abort_requested + other.abort_requested,
            self.flows + other.flows,
        )


@dataclass(frozen=True, slots=True)
class Operated:
    """`job_id` is the job to look at now, `wake` the channels to signal after the commit."""

    job_id: int
    wake: list[str]
    status: str | None = None
    created: bool = False
    children: CancelledChildren = CancelledChildren()
    more: bool = False


async def cancel(
    conn: Connection, *, job_id: int, actor: str, reason: str | None, children: bool = False
) -> Operated:
    """Waiting: cancelled now. Running: an abort is asked. Whatever waits behind it is cancelled too.

    `children`: of a job that has ended they alone are meant; without it that is OWS01. Raises OWN01, OWN03.
    """
    done = await _cancel(conn, job_id, actor, reason, children=children)
    for _ in range(ROUNDS):
        if not done.more:
            break
        await asyncio.sleep(PAUSE)
        done = _joined(done, await _cancel(conn, job_id, actor, reason, children=True))
    return done


async def _cancel(
    conn: Connection, job_id: int, actor: str, reason: str | None, *, children: bool
) -> Operated:
    statement = "select server_api.cancel(%s, %s, %s, %s)"
    return await repeated(lambda: _operate(conn, statement, job_id, actor, reason, children))


def _joined(first: Operated, then: Operated) -> Operated:
    return replace(
        then, status=first.status, wake=first.wake + then.wake, children=first.children + then.children
    )


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


async def _operate(conn: Connection, statement: str, job_id: int, *rest: str | bool | None) -> Operated:
    answer = await call_object(conn, statement, job_id, *rest)
    return Operated(
        job_id=answer.get("job_id") or job_id,
        wake=answer.get("wake") or [],
        status=answer.get("status"),
        created=bool(answer.get("created")),
        children=CancelledChildren(**answer.get("children") or {}),
        more=bool(answer.get("more")),
    )
