"""Webhooks and what was sent to them; no query reads a secret."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, LiteralString

from app.database.pool import Connection
from app.queries.selecting import select

DeliveryStatus = Literal["pending", "delivered", "failed", "cancelled"]


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


_DELIVERIES: LiteralString = """webhook = %(webhook)s
       and (%(status)s::text is null or status = %(status)s)
       and (%(before)s::bigint is null or id < %(before)s)
     order by id desc limit %(limit)s"""


async def list_webhooks(conn: Connection) -> list[Webhook]:
    """By name."""
    return await select(conn, Webhook, "webhook", "true order by name", {})


async def get_webhook(conn: Connection, *, name: str) -> Webhook | None:
    found = await select(conn, Webhook, "webhook", "name = %(name)s", {"name": name})
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
    return await select(conn, Delivery, "webhook_delivery", _DELIVERIES, params)
