"""`webhook.deliver`: what it sends, what it makes of each answer, when it tries again."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import ClientConnectorError, InvalidURL, web
from aiohttp.test_utils import TestServer
from procrastinate.jobs import Job
from standardwebhooks import Webhook, WebhookVerificationError

from worker.tasks import webhook
from worker.tasks.addresses import PrivateAddress
from worker.tasks.webhook import WAITS, EndpointGone, NotDelivered, Spread, deliver, signed_headers

ALLOW = "ONEWRITER_HTTP_ALLOW_PRIVATE"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()
SEEN = web.AppKey("seen", list[tuple[dict[str, str], bytes]])
ANSWER = web.AppKey("answer", dict[str, Any])
MESSAGE = {
    "message_id": "msg_1",
    "event": "job.failed",
    "timestamp": "2026-01-01T00:00:00.5Z",
    "data": {"id": 17},
}


@pytest.fixture
async def endpoint(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestServer]:
    """Answers as ANSWER says; what came is in SEEN."""

    async def receive(request: web.Request) -> web.Response:
        request.app[SEEN].append((dict(request.headers), await request.read()))
        return web.Response(**request.app[ANSWER])

    app = web.Application()
    app[SEEN], app[ANSWER] = [], {"status": 204}
    app.router.add_route("*", "/{path:.*}", receive)
    monkeypatch.setenv(ALLOW, "127.0.0.1")
    async with TestServer(app) as server:
        yield server


async def send(server: TestServer, secret: str = SECRET) -> Any:
    return await deliver(url=str(server.make_url("/hook")), secret=secret, **MESSAGE)


async def test_what_is_sent_is_what_the_library_verifies(endpoint: TestServer) -> None:
    assert await send(endpoint, f"{SECRET} {OTHER}") == {"status": 204}
    ((headers, body),) = endpoint.app[SEEN]
    for secret in (SECRET, OTHER):
        said = Webhook(secret).verify(body, headers)
        assert said == {"type": "job.failed", "timestamp": MESSAGE["timestamp"], "data": {"id": 17}}
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body.replace(b"17", b"18"), headers)
    assert headers["Content-Type"] == "application/json"
    assert (headers["webhook-id"], list(json.loads(body))) == ("msg_1", ["type", "timestamp", "data"])
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60


def test_the_signature_is_the_specifications() -> None:
    """By hand: HMAC-SHA256 of id.timestamp.body under the bytes behind whsec_."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    headers = signed_headers([SECRET], "msg_1", at, "{ü}")
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = hmac.digest(key, f"msg_1.{int(at.timestamp())}.{{ü}}".encode(), hashlib.sha256)
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_success_will_do(endpoint: TestServer, status: int) -> None:
    endpoint.app[ANSWER]["status"] = status
    assert await send(endpoint) == {"status": status}


@pytest.mark.parametrize("status", [301, 302, 307, 308, 304, 400, 401, 404, 429, 500, 503])
async def test_anything_else_is_not_delivered(endpoint: TestServer, status: int) -> None:
    """Redirects too: they would take a signed message elsewhere."""
    endpoint.app[ANSWER].update(status=status, headers={"Location": "/elsewhere"})
    with pytest.raises(NotDelivered, match=str(status)):
        await send(endpoint)
    assert len(endpoint.app[SEEN]) == 1


async def test_gone_is_gone(endpoint: TestServer) -> None:
    endpoint.app[ANSWER]["status"] = 410
    with pytest.raises(EndpointGone):
        await send(endpoint)


async def test_a_private_address_is_not_asked(endpoint: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALLOW)
    with pytest.raises(PrivateAddress):
        await send(endpoint)
    for url in ("http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://localhost/"):
        with pytest.raises(PrivateAddress):
            await deliver(url=url, secret=SECRET, **MESSAGE)
    assert endpoint.app[SEEN] == []


async def test_what_answers_too_late_is_not_waited_for(
    endpoint: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_SECONDS", 0.0001)
    with pytest.raises(TimeoutError):
        await send(endpoint)


def seconds(exception: BaseException, attempts: int = 0) -> float | None:
    """When it would be tried again, from now."""
    job: Job = Job(
        id=1, queue="webhooks", lock=None, queueing_lock=None, task_name="webhook.deliver", attempts=attempts
    )
    decision = Spread().get_retry_decision(exception=exception, job=job)
    return decision and (decision.retry_at - datetime.now(UTC)).total_seconds()  # type: ignore[operator]


def test_the_waits_are_the_specifications_and_spread() -> None:
    assert WAITS == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    for attempt, wait in enumerate(WAITS):
        tried = {round(seconds(NotDelivered(500), attempt) or 0, 1) for _ in range(20)}
        assert wait - 1 < min(tried) <= max(tried) <= wait * 1.1 + 0.1
        assert len(tried) > 1
    assert seconds(NotDelivered(500), len(WAITS)) is None
    assert seconds(ClientConnectorError(None, OSError()), 0)  # type: ignore[arg-type]
    assert seconds(TimeoutError())


def test_what_waiting_does_not_mend_is_not_tried_again() -> None:
    for exception in (EndpointGone(), PrivateAddress("10.0.0.1"), InvalidURL("x")):
        assert seconds(exception) is None


@pytest.mark.parametrize(
    ("given", "wait"),
    [
        ("120", 120),
        ("2", 5),
        ("99999999999", 86_400),
        ("9" * 400, 86_400),
        ("-5", 5),
        ("soon", 5),
        ("", 5),
        ("date", 600),
    ],
)
async def test_an_endpoint_says_when_it_will_be_back(endpoint: TestServer, given: str, wait: float) -> None:
    said = (
        format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True) if given == "date" else given
    )
    endpoint.app[ANSWER].update(status=503, headers={"Retry-After": said})
    with pytest.raises(NotDelivered) as caught:
        await send(endpoint)
    assert wait - 5 < (seconds(caught.value) or 0) <= wait * 1.1 + 1
