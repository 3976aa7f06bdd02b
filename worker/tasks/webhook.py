"""`webhook.deliver`: one message to one endpoint, signed as the Standard Webhooks say.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job
from standardwebhooks import Webhook

from worker.main import app
from worker.tasks.addresses import PrivateAddress
from worker.tasks.http_request import public_request

# Seconds before each further attempt, those that the specification recommends: three days in all.
WAITS: list[float] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
# A wait is longer by up to this part of it, so that what failed together doesn't come back together.
_JITTER = 0.1
# What an endpoint asks for in Retry-After counts up to here.
_LONGEST_WAIT = 86_400.0
# How long an endpoint may take to answer.
_SECONDS = 20.0


class NotDelivered(Exception):
    """The endpoint did not take the message; `retry_after` are the seconds that it asked for."""

    def __init__(self, status: int, retry_after: float = 0.0):
        super().__init__(f"The endpoint answered {status}.")
        self.retry_after = retry_after


class EndpointGone(Exception):
    """The endpoint answered 410: it wants no more messages."""

    def __init__(self) -> None:
        super().__init__("The endpoint answered 410 Gone.")


class Spread(BaseRetryStrategy):
    """WAITS one after the other, or what the endpoint asks for if that is longer."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        # Neither an address nor a URL gets better by waiting.
        if isinstance(exception, EndpointGone | PrivateAddress | ValueError) or job.attempts >= len(WAITS):
            return None
        wait = WAITS[job.attempts]
        asked = exception.retry_after if isinstance(exception, NotDelivered) else 0.0
        seconds = max(wait, min(asked, _LONGEST_WAIT)) * (1 + _JITTER * random.random())
        return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=seconds))


@app.task(name="webhook.deliver", queue="webhooks", retry=Spread())
async def deliver(
    url: str, message_id: str, event: str, timestamp: str, data: dict[str, Any], secret: str
) -> dict[str, int]:
    """POSTs {"type", "timestamp", "data"}; the endpoint's status, if that is one of success.

    `secret` may be two values, the new one and the one before it: each signs.
    Raises NotDelivered, EndpointGone, PrivateAddress.
    """
    message = {"type": event, "timestamp": timestamp, "data": data}
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    async with public_request(
        "POST",
        url,
        seconds=_SECONDS,
        data=body.encode(),
        headers=signed_headers(secret.split(), message_id, datetime.now(UTC), body),
        allow_redirects=False,
    ) as response:
        if response.status == 410:
            raise EndpointGone
        if not 200 <= response.status < 300:
            raise NotDelivered(response.status, _retry_after(response))
        return {"status": response.status}


def signed_headers(secrets: list[str], message_id: str, at: datetime, body: str) -> dict[str, str]:
    """Made anew for each attempt, under the id of the first."""
    signatures = (Webhook(secret).sign(message_id, at, body) for secret in secrets)
    return {
        "content-type": "application/json",
        "user-agent": "onewriter",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _retry_after(response: aiohttp.ClientResponse) -> float:
    """Seconds or a date (RFC 9110, 10.2.3); what is neither asks for nothing."""
    given = response.headers.get("Retry-After", "")
    if given.isascii() and given.isdigit():
        return float(given)
    try:
        return (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):  # no date, or one without a zone
        return 0.0
