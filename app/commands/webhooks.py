"""Changes of webhooks, and what is sent to them. Each is one call of the SQL function that decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from app.database.calls import call_object
from app.database.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who asks, and why; stands in the audit."""

    actor: str
    reason: str | None = None
    request_id: str | None = None

    @property
    def params(self) -> tuple[str, str | None, str | None]:
        return self.actor, self.reason, self.request_id


@dataclass(frozen=True, slots=True)
class Put:
    """What became of a put_webhook; the secret of a new one is told here and nowhere else."""

    created: bool
    revision: int
    secret: str | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery and its job."""

    delivery_id: int
    job_id: int
    message_id: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many messages are sent again, and their new deliveries."""

    replayed: int
    deliveries: list[Sent]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one call of the scheduler's has done; `next`: seconds until a replaced secret's day is over."""

    taken: int
    sent: int
    disabled: list[str] = field(default_factory=list)
    wake: list[str] = field(default_factory=list)
    next: float | None = None


async def put_webhook(
    conn: Connection,
    *,
    name: str,
    definition: Mapping[str, Any],
    by: By,
    expected: int | None = None,
    secret: str | None = None,
) -> Put:
    """`definition` is the whole of what shall count. Audited. Raises OWK05, OWS02, OWV01.

    `expected`: None takes whatever is there, 0 must be a new name, else it must have this revision.
    `secret`: of a new one; None makes one.
    """
    query = "select server_api.put_webhook(%s, %s, %s, %s, %s, %s, %s)"
    text = msgspec.json.encode(definition).decode()
    return Put(**await call_object(conn, query, name, text, secret, expected, *by.params))


async def remove_webhook(conn: Connection, *, name: str, by: By, expected: int | None = None) -> None:
    """With its secret and the list of its deliveries; what waits is cancelled. Raises OWN08, OWS02."""
    query = "select server_api.remove_webhook(%s, %s, %s, %s, %s)"
    await call_object(conn, query, name, expected, *by.params)


async def set_webhook_enabled(conn: Connection, *, name: str, enabled: bool, by: By) -> None:
    """Disabling cancels what waits to be sent. Audited. Raises OWN08."""
    query = "select server_api.set_webhook_enabled(%s, %s, %s, %s, %s)"
    await call_object(conn, query, name, enabled, *by.params)


async def rotate_webhook(conn: Connection, *, name: str, by: By, secret: str | None = None) -> str:
    """The new secret; the one before it signs too for a day. Audited. Raises OWN08, OWV01."""
    query = "select server_api.rotate_webhook(%s, %s, %s, %s, %s)"
    return str((await call_object(conn, query, name, secret, *by.params))["secret"])


async def ping_webhook(conn: Connection, *, name: str, by: By) -> Sent:
    """Sends the event webhook.ping, once, also to a disabled one. Audited. Raises OWN08."""
    query = "select server_api.ping_webhook(%s, %s, %s, %s)"
    return Sent(**await call_object(conn, query, name, *by.params))


async def replay_webhook(
    conn: Connection, *, name: str, by: By, delivery_id: int | None = None, since: datetime | None = None
) -> Replayed:
    """This delivery, or all since then that did not arrive, at most 1,000 a call. Audited.

    Raises OWN02, OWN08, OWS01.
    """
    query = "select server_api.replay_webhook(%s, %s, %s, %s, %s, %s)"
    answer = await call_object(conn, query, name, delivery_id, since, *by.params)
    return msgspec.convert(answer, Replayed)


async def deliver_webhooks(conn: Connection) -> Delivered:
    """Makes jobs of up to 200 ends; `wake` is signalled after the commit."""
    return msgspec.convert(await call_object(conn, "select server_api.deliver_webhooks()"), Delivered)
