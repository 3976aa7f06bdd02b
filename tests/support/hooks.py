"""Webhooks without a scheduler and an endpoint: what both would say, a test says."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import psycopg
import pytest

from tests.support.cluster import Database
from tests.support.protocol import Session, done, enqueue, job

URL = "https://example.com/hook"


class Hooks:
    """What a test does with webhooks, as the server's login; evidence comes from the admin's."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.server = db.connect("server")
        self.admin = db.connect("admin")
        self.session = Session(db)

    def ask(self, query: str, *params: Any) -> Any:
        row = self.server.execute(query.encode(), params).fetchone()
        assert row is not None
        return row[0]

    def put(self, name: str = "hook", *events: str, **fields: Any) -> dict[str, Any]:
        given = {"url": URL, "events": events or ("*",), **fields}
        secret, expected = given.pop("secret", None), given.pop("expected", None)
        answer: dict[str, Any] = self.ask(
            "select server_api.put_webhook(%s, %s, %s, %s, 'me', 'why', 'r1')",
            name, json.dumps(given), secret, expected,
        )  # fmt: skip
        return answer

    def deliver(self) -> Any:
        return self.ask("select server_api.deliver_webhooks()")

    def enable(self, name: str = "hook", *, enabled: bool = True) -> None:
        self.ask("select server_api.set_webhook_enabled(%s, %s, 'me', null, null)", name, enabled)

    def ping(self, name: str = "hook") -> Any:
        return self.ask("select server_api.ping_webhook(%s, 'me', null, null)", name)

    def replay(self, delivery: int | None = None, name: str = "hook", since: datetime | None = None) -> Any:
        query = "select server_api.replay_webhook(%s, %s, %s, 'me', null, null)"
        return self.ask(query, name, delivery, since)

    def ended(self, task: str = "billing.charge", *, error: str | None = None, **fields: Any) -> int:
        """A job that has ended; its worker said so."""
        (job_id,) = enqueue(self.server, job(task=task, queue="work", **fields))
        self.run("work", error)
        return job_id

    def run(self, queue: str = "webhooks", error: str | None = None) -> list[dict[str, Any]]:
        """A worker takes what is there of this queue and ends all of it."""
        session = Session(self.db, "worker", queues=[queue])
        held = session.claim(100)
        session.exchange(done=[end(one, error) for one in held])
        return held

    def deliveries(self, name: str = "hook") -> list[dict[str, Any]]:
        cursor = self.server.execute(
            "select to_jsonb(d) from server_api.webhook_delivery as d where d.webhook = %s order by d.id",
            [name],
        )
        return [row for (row,) in cursor.fetchall()]

    def state(self, name: str = "hook") -> Any:
        return self.ask("select to_jsonb(w) from server_api.webhook as w where w.name = %s", name)

    def args(self, delivery: dict[str, Any]) -> Any:
        return self.ask("select args from server_api.job where id = %s", delivery["job_id"])

    def subscriptions(self) -> list[tuple[Any, ...]]:
        query = "select task, event from jobs.subscription where consumer = 'webhooks' order by 1, 2"
        return self.admin.execute(query).fetchall()


def end(held: dict[str, Any], error: str | None = None) -> list[Any]:
    """What the worker says of a job that it held."""
    if error is None:
        return done(held, {"status": 200})
    return done(held, None, "failed", error=error, reason="error")


def refused(state: str) -> Any:
    return pytest.raises(psycopg.Error, check=lambda error: error.sqlstate == state)
