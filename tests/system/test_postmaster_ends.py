"""kill -9 of the postmaster while handlers, flows, webhooks and a relay work: each end is told once."""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.handlers import enqueue
from app.schema import inbox
from devstack import ports
from devstack.postgres import Cluster, wait_for
from tests.support.cluster import Database, Server, clone, login_name
from tests.support.consumer import publish
from tests.support.processes import ONEWRITER, Processes
from tests.support.stage import Stage
from tests.system.test_flows import CATALOGUE
from tests.system.test_webhooks import Endpoint

# Each begins a chain of three and a group of two with a callback, whose end is told to an endpoint.
BEGUN = 60
ASKED = 100
PAIR = {"task": "flow.begin", "event": "succeeded", "ordered_by": "job"}
EXPECTED = {
    "flow.begin": BEGUN, "flow.add": 5 * BEGUN + ASKED, "flow.total": BEGUN, "webhook.deliver": BEGUN,
}  # fmt: skip
TASKS = "tests.system.flow_tasks,tests.system.webhook_waits"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    one = Endpoint()
    yield one
    one.close()


def start_all(stage: Stage, domain: Database) -> None:
    stage.scheduler()
    stage.worker("-c", "5", ONEWRITER_TASKS=TASKS, ONEWRITER_HTTP_ALLOW_PRIVATE="127.0.0.1")
    settings = {
        "ONEWRITER_DATABASE_URL": stage.db.dsn("server"),
        "ONEWRITER_HANDLER_DATABASE_URL": stage.db.dsn("handler"),
        "ONEWRITER_DOMAIN_DATABASE_URL": domain.dsn("handler"),
        "ONEWRITER_HANDLERS": "tests.system.flow_handlers",
    }
    stage.processes.start("handlers", [*ONEWRITER, "handlers", "run"], settings)


def ask(stage: Stage, domain: Database, url: str) -> None:
    """Jobs whose ends are handled, rows that are relayed, and a webhook."""
    catalogue = json.dumps({"catalogue": 1, "tasks": CATALOGUE})
    stage.server.execute("select server_api.publish_tasks('flows', %s, 'test')", [catalogue])
    hook = json.dumps({"url": url, "events": ["job.succeeded"], "tasks": ["flow.total"]})
    stage.server.execute("select server_api.put_webhook('hook', %s, null, null, 'me', null, null)", [hook])
    publish(stage.db, PAIR)
    inbox.prepare(domain.connect("admin"), login_name("handler"))
    with domain.connect("handler") as conn, conn.transaction():
        for n in range(ASKED):
            enqueue(conn, "flow.add", n=n)
    stage.enqueue_many({"task": "flow.begin", "args": {"members": 2}} for _ in range(BEGUN))


def ended(stage: Stage) -> dict[str, int]:
    rows = stage.rows(
        "select task, count(*)::int as n from server_api.job where status = 'succeeded' group by 1"
    )
    return {row["task"]: row["n"] for row in rows}


@pytest.mark.timeout(180)
def test_every_end_is_told_once(
    own_cluster: tuple[Cluster, Server], endpoint: Endpoint, tmp_path: Path
) -> None:
    cluster, server = own_cluster
    with (
        clone(server, "ends") as db,
        closing(Database(server, "ends_domain")) as domain,
        Processes(tmp_path) as processes,
    ):
        db.connect("admin").execute("create database ends_domain")
        stage = Stage(db, processes)
        ask(stage, domain, endpoint.url)
        start_all(stage, domain)
        stage.until(lambda: ended(stage).get("flow.total", 0) >= 5 and endpoint.seen, 60)
        assert ended(stage) != EXPECTED
        os.kill(cluster.pid(), signal.SIGKILL)
        # Its backends hold the port until they notice.
        assert wait_for(lambda: ports.is_free(server.port), 20)
        assert cluster.start(server.port) == server.port
        db.close()
        domain.close()
        stage = Stage(db, processes)
        stage.until(lambda: ended(stage) == EXPECTED, 90, lambda: ended(stage))
        once(stage, domain, endpoint)


def once(stage: Stage, domain: Database, endpoint: Endpoint) -> None:
    flows = stage.rows("select parent_id, kind, state from server_api.flow")
    assert Counter((flow["kind"], flow["state"]) for flow in flows) == {
        ("chain", "succeeded"): BEGUN, ("group", "succeeded"): BEGUN,
    }  # fmt: skip
    assert set(Counter((flow["parent_id"], flow["kind"]) for flow in flows).values()) == {1}
    assert len(set(endpoint.ids())) == BEGUN
    stage.until(lambda: left(stage.db, "jobs.outbox") == 0)
    stage.until(lambda: left(domain, "onewriter_inbox.outgoing") == 0)


def left(db: Database, table: str) -> Any:
    row = db.connect("admin").execute(f"select count(*) from {table}".encode()).fetchone()
    return row and row[0]
