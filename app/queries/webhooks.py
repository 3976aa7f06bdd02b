"""Webhooks and what was sent to them; no query reads a secret."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, LiteralString, TypeVar

from psycopg import sql
from psycopg.rows import class_row

from app.database.pool import Connection

DeliveryStatus = Literal["pending", "delivered", "failed", "cancelled"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """`tasks` None is all. `failures` are dead letters since the last message that arrived.

    `rotated_at`: since then two secrets sign, for a day.
    """

    id: int
    name: str
    url: str
    events: list[str]
    tasks: list[str] | None
    description: str | None
    revision: int
    enabled: bool
    disabled_at: datetime | None
    disabled_by: str | None
    disabled_reason: str | None
    rotated_at: datetime | None
    failing_since: datetime | None
    failures: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one endpoint. `attempts` have ended; `answered` is the HTTP status that took it."""

    id: int
    message_id: str
    event: str
    status: DeliveryStatus
    subject_job_id: int | None
    subject_run_id: int | None
    job_id: int
    replay_of: int | None
    attempts: int
    next_attempt_at: datetime | None
    answered: int | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None


_VIEWS: dict[type, LiteralString] = {Webhook: "webhook", Delivery: "webhook_delivery"}
_DELIVERIES: LiteralString = """webhook = %(webhook)s
       and (%(status)s::text is null or status = %(status)s)
       and (%(before)s::bigint is null or id < %(before)s)
     order by id desc limit %(limit)s"""


async def list_webhooks(conn: Connection) -> list[Webhook]:
    """By name."""
    return await _select(conn, Webhook, "true order by name", {})


async def get_webhook(conn: Connection, *, name: str) -> Webhook | None:
    found = await _select(conn, Webhook, "name = %(name)s", {"name": name})
    return found[0] if found else None


async def list_deliveries(
    conn: Connection,
    *,
    webhook: str,
    status: DeliveryStatus | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """The newest first."""
    params = {"webhook": webhook, "status": status, "before": before_id, "limit": limit}
    return await _select(conn, Delivery, _DELIVERIES, params)


async def _select(
    conn: Connection, shape: type[T], where: LiteralString, params: Mapping[str, Any]
) -> list[T]:
    names = [sql.Identifier(field.name) for field in fields(shape)]  # type: ignore[arg-type]
    statement = sql.SQL("select {} from server_api.{} where {}").format(
        sql.SQL(", ").join(names), sql.Identifier(_VIEWS[shape]), sql.SQL(where)
    )
    async with conn.cursor(row_factory=class_row(shape)) as cursor:
        return await (await cursor.execute(statement, params)).fetchall()
