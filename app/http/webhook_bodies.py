"""The bodies and queries of /v1/webhooks, as types; the OpenAPI document is made from them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.http.bodies import Instant, Name, Reason
from app.queries.webhooks import Delivery, DeliveryStatus, Webhook

WebhookName = Annotated[str, Meta(min_length=1, max_length=100, pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Url = Annotated[str, Meta(min_length=1, max_length=2048, description="http or https, without a user")]
Event = Literal[
    "*", "job.*", "job.succeeded", "job.failed", "job.cancelled", "job.aborted", "run.*", "run.finished"
]
Events = Annotated[list[Event], Meta(min_length=1, max_length=8)]
Tasks = Annotated[list[Name], Meta(min_length=1, max_length=100, description="patterns with * and ?")]
Description = Annotated[str, Meta(max_length=1000)]
Secret = Annotated[str, Meta(max_length=128, description="whsec_ and 24 to 64 bytes in base64")]


class WebhookDefinition(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is sent where: which events, of which tasks; null is all."""

    url: Url
    events: Events
    tasks: Tasks | None = None
    description: Description | None = None


class NewWebhook(WebhookDefinition, kw_only=True, forbid_unknown_fields=True):
    """A definition and the name that nothing has yet; without a secret one is made."""

    name: WebhookName
    secret: Secret | None = None


class WebhookPatch(Struct, kw_only=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396) of the definition: null is the default."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    tasks: Tasks | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWebhook(Webhook):
    """A webhook. `secret` is told when it is made, and never again.

    `failures` are the messages that became dead letters since the last one that arrived.
    """

    secret: str | None = None


class Webhooks(Struct):
    """The webhooks by name."""

    items: list[Webhook]


class NewSecretOfWebhook(Struct, forbid_unknown_fields=True):
    """The body of rotate; without a secret one is made."""

    secret: Secret | None = None
    reason: Reason | None = None


class Rotated(Struct):
    """The new secret, told this once."""

    secret: str


class ListDeliveries(Struct, forbid_unknown_fields=True):
    """The query of GET /v1/webhooks/{name}/deliveries."""

    status: DeliveryStatus | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Annotated[str, Meta(max_length=200)] | None = None


class DeliveryPage(Struct):
    """Deliveries, the newest first."""

    items: list[Delivery]
    next_cursor: str | None


class ReplaySince(Struct, forbid_unknown_fields=True):
    """Which messages to send again: those that did not arrive, made since then; null: all that are kept."""

    since: Instant | None = None
    reason: Reason | None = None


class SentWebhook(Struct):
    """A delivery and its job; `message_id` is the webhook-id."""

    delivery_id: int
    job_id: int
    message_id: str


class ReplayedWebhooks(Struct):
    """How many messages are sent again, at most 1,000 a request, and their new deliveries."""

    replayed: int
    deliveries: list[SentWebhook]
