"""Webhooks with a real endpoint, real workers and schedulers: signed, tried again, given up, sent again."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.support.processes import Process
from tests.support.stage import Stage

Answer = Callable[[int], int]


class Endpoint:
    """A server on this machine. `answer` says the status of the nth message; `seen` is what came."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.answer: Answer = lambda _: 204
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.seen.append((dict(self.headers), body))
                self.send_response(endpoint.answer(len(endpoint.seen)))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.seen]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    one = Endpoint()
    yield one
    one.close()


class Hooked:
    """A stage with a webhook to the endpoint and a worker that may reach it."""

    def __init__(self, stage: Stage, endpoint: Endpoint, *events: str) -> None:
        self.stage = stage
        self.endpoint = endpoint
        given = {"url": endpoint.url, "events": events}
        self.secret: str = self.ask(
            "select server_api.put_webhook('hook', %s, null, null, 'tests', null, null) as v",
            json.dumps(given),
        )["secret"]

    def ask(self, query: str, *params: Any) -> Any:
        return self.stage.rows(query, *params)[0]["v"]

    def worker(self, *options: str) -> Process:
        return self.stage.worker(
            *options,
            ONEWRITER_TASKS="tests.system.sample_tasks,tests.system.webhook_waits",
            ONEWRITER_HTTP_ALLOW_PRIVATE="127.0.0.1",
        )

    def deliveries(self) -> list[dict[str, Any]]:
        return self.stage.rows("select * from server_api.webhook_delivery order by id")

    def settled(self, *statuses: str) -> None:
        """Until these are the deliveries' states, the oldest first."""
        self.stage.until(
            lambda: [one["status"] for one in self.deliveries()] == list(statuses), say=self.deliveries
        )


def test_an_end_arrives_signed(stage: Stage, endpoint: Endpoint) -> None:
    hooked = Hooked(stage, endpoint, "job.succeeded")
    stage.scheduler()
    hooked.worker()
    job_id = stage.enqueue("echo", {"a": 1})
    hooked.settled("delivered")
    ((headers, body),) = endpoint.seen
    said = Webhook(hooked.secret).verify(body, headers)
    assert (said["type"], said["data"]["id"], said["data"]["task"]) == ("job.succeeded", job_id, "echo")
    with pytest.raises(WebhookVerificationError):
        Webhook(hooked.secret).verify(body.replace(b"echo", b"ohce"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(hooked.secret).verify(body, {**headers, "webhook-id": "msg_other"})


def test_what_was_refused_is_tried_again_given_up_and_sent_again(stage: Stage, endpoint: Endpoint) -> None:
    """Twice 500, then it arrives; then nothing but 500 until nobody tries any more; then a replay."""
    hooked = Hooked(stage, endpoint, "job.succeeded")
    stage.scheduler()
    hooked.worker()
    endpoint.answer = lambda n: 204 if n == 3 else 500
    stage.enqueue("echo", {"a": 1})
    hooked.settled("delivered")
    assert len(endpoint.seen) == 3
    assert len(set(endpoint.ids())) == 1, "the id is the message's, the attempt has none"
    for headers, body in endpoint.seen:
        assert Webhook(hooked.secret).verify(body, headers)
    assert hooked.deliveries()[0]["attempts"] == 3
    stage.enqueue("echo", {"a": 1})
    hooked.settled("delivered", "failed")
    dead = hooked.deliveries()[1]
    assert (dead["attempts"], "answered 500" in dead["error"]) == (3, True)
    endpoint.answer = lambda _: 200
    hooked.ask("select server_api.replay_webhook('hook', %s, null, 'tests', null, null) as v", dead["id"])
    hooked.settled("delivered", "failed", "delivered")
    assert endpoint.ids()[-1] == dead["message_id"]


def test_gone_disables(stage: Stage, endpoint: Endpoint) -> None:
    hooked = Hooked(stage, endpoint, "job.succeeded")
    stage.scheduler()
    hooked.worker()
    endpoint.answer = lambda _: 410
    stage.enqueue("echo", {"a": 1})

    def disabled() -> Any:
        return stage.rows("select disabled_reason from server_api.webhook")[0]["disabled_reason"]

    stage.until(disabled, say=hooked.deliveries)
    assert disabled() == "it answered 410 Gone"
    assert (len(endpoint.seen), hooked.deliveries()[0]["status"]) == (1, "failed")
    stage.ended(stage.enqueue("echo", {"a": 1}))
    assert len(hooked.deliveries()) == 1


def test_a_rotated_secret_verifies_under_both(stage: Stage, endpoint: Endpoint) -> None:
    hooked = Hooked(stage, endpoint, "*")
    new = hooked.ask("select server_api.rotate_webhook('hook', null, 'tests', null, null) as v")["secret"]
    hooked.worker()
    hooked.ask("select server_api.ping_webhook('hook', 'tests', null, null) as v")
    hooked.settled("delivered")
    ((headers, body),) = endpoint.seen
    for secret in (hooked.secret, new):
        assert Webhook(secret).verify(body, headers)["type"] == "webhook.ping"
    (job,) = stage.rows("select args, result, error from server_api.job where task = 'webhook.deliver'")
    assert new not in str(job)


def test_a_metadata_service_is_not_asked(stage: Stage, endpoint: Endpoint) -> None:
    """Not even once more: the delivery is a dead letter, and says why."""
    hooked = Hooked(stage, endpoint, "*")
    given = json.dumps({"url": "http://169.254.169.254/latest/meta-data/", "events": ["*"]})
    hooked.ask("select server_api.put_webhook('hook', %s, null, null, 'tests', null, null) as v", given)
    hooked.worker()
    hooked.ask("select server_api.ping_webhook('hook', 'tests', null, null) as v")
    hooked.settled("failed")
    assert "PrivateAddress" in hooked.deliveries()[0]["error"]


def test_schedulers_are_killed_and_each_end_is_told_once(stage: Stage, endpoint: Endpoint) -> None:
    """kill -9 while ends are being taken, and a call that has taken some and does not commit."""
    hooked = Hooked(stage, endpoint, "job.succeeded")
    doomed = stage.scheduler()
    hooked.worker("-c", "4")
    ids = stage.enqueue_many({"task": "echo", "args": {"a": n}} for n in range(60))
    stage.until(hooked.deliveries, say=hooked.deliveries)
    taken = stage.db.connect("server", autocommit=False)
    taken.execute("select server_api.deliver_webhooks()")
    doomed.kill()
    taken.close()
    stage.scheduler()
    stage.until(lambda: len(hooked.deliveries()) >= len(ids), say=hooked.deliveries)
    stage.all_ended()
    stage.until(lambda: len(endpoint.seen) >= len(ids))
    made = Counter(one["subject_job_id"] for one in hooked.deliveries())
    assert made == Counter(ids), "one delivery for each end"
    assert {json.loads(body)["data"]["id"] for _, body in endpoint.seen} == set(ids)
