"""The routes of /v1/webhooks."""

from app.errors import (
    InvalidCursor,
    NotAllowed,
    NotFound,
    QueueRefusesTask,
    RevisionConflict,
    StateConflict,
    WebhookExists,
    WebhookNotFound,
)
from app.http import bodies, webhook_bodies, webhook_deliveries, webhooks
from app.http.registry import Answer, Route
from app.http.routes.terms import ADMIN, CONDITIONS, TAGGED

MISSING = (NotAllowed, WebhookNotFound)

WEBHOOKS = (
    Route(
        method="GET", path="/v1/webhooks", handler=webhooks.list_, summary="List the webhooks",
        scope=ADMIN, answers=[Answer(status=200, says="webhooks", body=webhook_bodies.Webhooks)],
        errors=[NotAllowed],
    ),
    Route(
        method="POST", path="/v1/webhooks", handler=webhooks.create,
        summary="Make a webhook; its secret is told this once",
        scope=ADMIN, query=bodies.WhyQuery, body=webhook_bodies.NewWebhook,
        answers=[Answer(status=201, says="it hears of ends from now on", body=webhook_bodies.ShownWebhook,
                        headers=("Location", "ETag"))],
        errors=[NotAllowed, WebhookExists],
    ),
    Route(
        method="GET", path="/v1/webhooks/{name}", handler=webhooks.show, summary="A webhook",
        scope=ADMIN, headers=("If-None-Match",),
        answers=[Answer(status=200, says="the webhook", body=webhook_bodies.ShownWebhook, headers=TAGGED),
                 Answer(status=304, says="as it was at that ETag", headers=TAGGED)],
        errors=MISSING,
    ),
    Route(
        method="PUT", path="/v1/webhooks/{name}", handler=webhooks.put,
        summary="Make a webhook, or give it a whole new definition",
        scope=ADMIN, query=bodies.WhyQuery, body=webhook_bodies.WebhookDefinition, headers=CONDITIONS,
        answers=[Answer(status=200, says="so it is", body=webhook_bodies.ShownWebhook, headers=TAGGED),
                 Answer(status=201, says="it is new", body=webhook_bodies.ShownWebhook, headers=TAGGED)],
        errors=[*MISSING, RevisionConflict],
    ),
    Route(
        method="PATCH", path="/v1/webhooks/{name}", handler=webhooks.patch,
        summary="Change some of a webhook's fields (JSON merge patch)",
        scope=ADMIN, query=bodies.WhyQuery, body=webhook_bodies.WebhookPatch, headers=CONDITIONS,
        answers=[Answer(status=200, says="so it is", body=webhook_bodies.ShownWebhook, headers=TAGGED)],
        errors=[*MISSING, RevisionConflict],
    ),
    Route(
        method="DELETE", path="/v1/webhooks/{name}", handler=webhooks.remove,
        summary="Delete a webhook with its secret; what waits to be sent is cancelled",
        scope=ADMIN, query=bodies.WhyQuery, headers=CONDITIONS,
        answers=[Answer(status=204, says="deleted")], errors=[*MISSING, RevisionConflict],
    ),
    Route(
        method="POST", path="/v1/webhooks/{name}/enable", handler=webhooks.enable,
        summary="Let it hear of what ends from now on",
        scope=ADMIN, body=bodies.Why, body_optional=True,
        answers=[Answer(status=200, says="it is enabled", body=webhook_bodies.ShownWebhook, headers=TAGGED)],
        errors=MISSING,
    ),
    Route(
        method="POST", path="/v1/webhooks/{name}/disable", handler=webhooks.disable,
        summary="Send it nothing more; what waits is cancelled",
        scope=ADMIN, body=bodies.Why, body_optional=True,
        answers=[Answer(status=200, says="it is disabled", body=webhook_bodies.ShownWebhook, headers=TAGGED)],
        errors=MISSING,
    ),
    Route(
        method="POST", path="/v1/webhooks/{name}/rotate", handler=webhooks.rotate,
        summary="A new secret; for a day the one before it signs too",
        scope=ADMIN, body=webhook_bodies.NewSecretOfWebhook, body_optional=True,
        answers=[Answer(status=200, says="the new secret", body=webhook_bodies.Rotated)],
        errors=[*MISSING, NotFound],
    ),
    Route(
        method="POST", path="/v1/webhooks/{name}/ping", handler=webhook_deliveries.ping,
        summary="Send it the event webhook.ping, once, also while it is disabled",
        scope=ADMIN, body=bodies.Why, body_optional=True,
        answers=[Answer(status=202, says="on its way", body=webhook_bodies.SentWebhook)],
        errors=[*MISSING, QueueRefusesTask],
    ),
    Route(
        method="GET", path="/v1/webhooks/{name}/deliveries", handler=webhook_deliveries.list_,
        summary="What was sent to it, and how that went; the newest first",
        scope=ADMIN, query=webhook_bodies.ListDeliveries,
        answers=[Answer(status=200, says="a page", body=webhook_bodies.DeliveryPage)],
        errors=[*MISSING, InvalidCursor],
    ),
    Route(
        method="POST", path="/v1/webhooks/{name}/deliveries:replay", handler=webhook_deliveries.replay_all,
        summary="Send again what did not arrive, under the same ids",
        scope=ADMIN, body=webhook_bodies.ReplaySince, body_optional=True,
        answers=[Answer(status=202, says="on their way", body=webhook_bodies.ReplayedWebhooks)],
        errors=[*MISSING, StateConflict, QueueRefusesTask],
    ),
    Route(
        method="POST", path="/v1/webhooks/{name}/deliveries/{delivery_id}/replay",
        handler=webhook_deliveries.replay, summary="Send a message again, under the same id",
        scope=ADMIN, body=bodies.Why, body_optional=True,
        answers=[Answer(status=202, says="on its way", body=webhook_bodies.SentWebhook)],
        errors=[*MISSING, NotFound, StateConflict, QueueRefusesTask],
    ),
)  # fmt: skip
