"""The real side: one database, one connection per login, and the whole state as one document."""

from __future__ import annotations

import copy
import functools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from tests.model.items import LONG, Done, GiveUp, NewJob, seconds
from tests.model.model import Refused
from tests.support.cluster import Database
from tests.support.consumer import EVERY, publish
from tests.support.protocol import Session

QUEUES = ("a", "b", "c")
_TABLES = """procrastinate.procrastinate_jobs, jobs.session, jobs.attempt, jobs.job_event, jobs.late_results,
    jobs.outbox, jobs.cause, jobs.job_detail"""
_SHIFT = """update procrastinate.procrastinate_jobs
    set scheduled_at = scheduled_at - %(by)s::interval, expires_at = expires_at - %(by)s::interval"""
# Later in the past for each: the sweep takes the session whose lease ended first.
_END_LEASE = """update jobs.session set last_seen_at = clock_timestamp() - interval '2 h',
    expires_at = clock_timestamp() - interval '1 h' where id = %s"""
# The state as the API's views tell it, and beside it what only the tables know: claims, gates, holders.
_STATE = """
select json_build_object(
    'jobs', (select json_object_agg(j.id, json_build_object(
                'status', a.status, 'queue', a.queue, 'priority', a.priority, 'lock', a.lock,
                'queueing_lock', a.queueing_lock, 'attempts', a.attempts, 'max_attempts', a.max_attempts,
                'crashes', a.crashes, 'abort', a.abort_requested, 'reason', a.reason, 'result', a.result,
                'claim_no', j.claim_no, 'gate', case when j.status = 'todo' then j.gate end,
                'has_place', j.status = 'todo' and (j.gate <> 2 or j.claim_no > 0),
                'holder', case when j.status = 'doing' then j.worker_id end,
                'started', j.status = 'doing' and j.started_at is not null,
                'expires', a.expires_at is not null))
               from server_api.job as a join procrastinate.procrastinate_jobs as j on j.id = a.id),
    'runs', (select json_agg(json_build_array(r.job_id, r.claim_no, r.attempt, r.session_id, r.status,
                                              r.reason, r.result) order by r.job_id, r.claim_no)
               from jobs.run as r),
    'events', (select json_agg(json_build_array(e.job_id, e.type) order by e.job_id, e.type)
                 from jobs.job_event as e),
    'late', (select json_agg(json_build_array(l.job_id, l.claim_no, l.session_id, l.login)
                             order by l.job_id, l.claim_no, l.session_id) from jobs.late_results as l),
    'sessions', (select json_object_agg(s.id, case
                            when s.lost_at is not null then 'lost' when s.closed_at is not null then 'closed'
                            when s.expires_at < clock_timestamp() then 'late' else 'live' end)
                   from jobs.session as s),
    'told', (select json_agg(json_build_array(o.job_id, o.event) order by o.id) from jobs.outbox as o),
    'paused', (select json_agg(q.name order by q.name) from jobs.queue as q where q.paused_at is not null))
"""


class System:
    """Calls as the logins of production; only the clock and the look at the state are a superuser's."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._admin, self._server, self._dba = (self.connect(role) for role in ("admin", "server", "dba"))
        publish(db, EVERY)
        self.sessions: dict[int, Session] = {}

    @functools.cache  # noqa: B019 (as long as the test)
    def connect(self, role: str) -> psycopg.Connection[Any]:
        """The one connection of a login: a session of the protocol asks for it here."""
        return self._db.connect(role, prepare_threshold=1)

    def reset(self) -> None:
        self._admin.execute(f"truncate {_TABLES} restart identity".encode())
        self._admin.execute("delete from jobs.queue")
        self._admin.execute("insert into jobs.queue (name) select unnest(%s::text[])", [list(QUEUES)])
        self.sessions.clear()

    def state(self) -> dict[str, Any]:
        row = self._admin.execute(_STATE.encode()).fetchone()
        assert row is not None
        state: dict[str, Any] = {name: part or {} for name, part in row[0].items()}
        return state

    def acknowledge(self) -> None:
        """Whoever is told of ends has handled them all."""
        self._admin.execute("delete from jobs.outbox")

    # --- time ------------------------------------------------------------------------------------------

    def advance(self, hours: int) -> None:
        self._admin.execute(_SHIFT.encode(), {"by": f"{hours} h"})

    def end_lease(self, session: int) -> None:
        self._admin.execute(_END_LEASE, [session])

    # --- a worker's calls --------------------------------------------------------------------------------

    def open(self, login: str, queues: list[str] | None) -> int:
        session = Session(self, login, queues, lease=300)  # type: ignore[arg-type]
        self.sessions[session.id] = session
        return session.id

    def stranger(self, session: int, login: str, secret: str | None = None) -> Session:
        """Somebody else with this session's number: another login, or another secret."""
        other = copy.copy(self.sessions[session])
        other.connection = self.connect(login)
        other.secret = secret or other.secret
        return other

    # --- the others' -------------------------------------------------------------------------------------

    def enqueue(self, jobs: list[NewJob]) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            self.call("server_api.enqueue_many(%s)", json.dumps([_job(job) for job in jobs]))
        )
        return answer

    def call(self, function: str, *params: Any, role: str = "server") -> Any:
        """Raises Refused with the detail for one of onewriter's own errors."""
        try:
            row = self.connect(role).execute(f"select {function}".encode(), params).fetchone()
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith("OW"):
                raise
            raise Refused(error.sqlstate or "", **json.loads(error.diag.message_detail or "{}")) from error
        assert row is not None
        return row[0]


def done_item(item: Done) -> list[Any]:
    """As exchange takes it."""
    outcome = item.outcome
    failure = None if outcome.status == "succeeded" else json.dumps([outcome.status, "boom", outcome.reason])
    result = outcome.text or (None if outcome.result is None else json.dumps(outcome.result))
    if outcome.refused == "oversized":
        result = json.dumps("x" * 300_000)
    return [*item.claim, result, failure]


def retry_item(item: GiveUp) -> list[Any]:
    delay = seconds(item.hours, item.moment) if item.hours else None
    queue = LONG if item.long_queue else item.queue
    return [*item.claim, delay, "\0" if item.nul else "boom", item.priority, queue, item.lock, None]


def _job(new: NewJob) -> dict[str, Any]:
    fields = {
        "task": "echo", "queue": new.queue, "priority": new.priority, "args": {}, "lock": new.lock,
        "queueing_lock": new.queueing_lock, "max_attempts": new.max_attempts,
        "delay": seconds(new.hours, new.moment) if new.hours else None,
        "expires_at": None if new.expires is None else _in(seconds(new.expires, 0)),
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value is not None}


def _in(ahead: int) -> str:
    return (datetime.now(UTC) + timedelta(seconds=ahead)).isoformat()
