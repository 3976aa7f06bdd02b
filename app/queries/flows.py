"""Flows, their members, and the jobs that follow from the end of another."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from app.database.pool import Connection
from app.queries.jobs import Status

FlowState = Literal["running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A chain or a group. Counts are of members; `started` have a job. `rule`: when the callback starts."""

    id: int
    kind: Literal["chain", "group"]
    rule: Literal["all", "any"] | None
    state: FlowState
    parent_id: int | None
    members: int
    started: int
    succeeded: int
    failed: int
    results: str | None
    callback_task: str | None
    callback_job_id: int | None
    error: str | None
    actor: str | None
    request_id: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowMember:
    """`n` counts from 1. A step to come has no job; nor has one that was refused, whose `error` says why."""

    n: int
    task: str | None
    queue: str | None
    job_id: int | None
    status: Status | None
    ended_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A job that follows from the end of another; `flow_id` where it belongs to a flow."""

    id: int
    task: str
    queue: str
    status: Status
    flow_id: int | None
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


_FLOWS = """
    select id, kind, rule, state, parent_id, members, started, succeeded, failed, results, callback_task,
           callback_job_id, error, actor, request_id, created_at, finished_at
      from server_api.flow where {} order by id limit %(limit)s"""
_MEMBERS = """
    select n, task, queue, job_id, status, ended_at, error
      from server_api.flow_member where flow_id = %s and n > %s order by n limit %s"""
_CHILDREN = """
    select id, task, queue, status, flow_id, created_at, started_at, finished_at
      from server_api.child where parent_id = %s and id > %s order by id limit %s"""
MOST_FLOWS = 500


async def get_flow(conn: Connection, *, flow_id: int) -> Flow | None:
    async with conn.cursor(row_factory=class_row(Flow)) as cursor:
        query = _FLOWS.format("id = %(id)s").encode()
        return await (await cursor.execute(query, {"id": flow_id, "limit": 1})).fetchone()


async def list_flows(conn: Connection, *, parent_id: int) -> list[Flow]:
    """Those that result handlers of this job have started; the first MOST_FLOWS."""
    async with conn.cursor(row_factory=class_row(Flow)) as cursor:
        query = _FLOWS.format("parent_id = %(id)s").encode()
        return await (await cursor.execute(query, {"id": parent_id, "limit": MOST_FLOWS})).fetchall()


async def list_flow_members(
    conn: Connection, *, flow_id: int, after: int = 0, limit: int = 500
) -> list[FlowMember]:
    """In their order."""
    async with conn.cursor(row_factory=class_row(FlowMember)) as cursor:
        return await (await cursor.execute(_MEMBERS, (flow_id, after, limit))).fetchall()


async def list_children(conn: Connection, *, job_id: int, after_id: int = 0, limit: int = 50) -> list[Child]:
    """The oldest first."""
    async with conn.cursor(row_factory=class_row(Child)) as cursor:
        return await (await cursor.execute(_CHILDREN, (job_id, after_id, limit))).fetchall()
