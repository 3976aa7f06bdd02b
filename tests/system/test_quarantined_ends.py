"""In a restored copy nobody hears of an end, no handler, flow, webhook or relay, until somebody arms it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.handlers import enqueue
from app.schema import inbox
from tests.support.apart import domain_database
from tests.support.cluster import Database, login_name
from tests.support.consumer import publish
from tests.support.copies import restored
from tests.support.processes import ONEWRITER, Processes
from tests.support.protocol import Session, done
from tests.support.shop import Shop
from tests.support.stage import Stage
from tests.system.conftest import Cli

pytestmark = pytest.mark.timeout(120)
ENVIRONMENT = "staging"
ORDER = {"task": "shop.order", "event": "succeeded", "ordered_by": "key"}
HOOK = {"url": "https://example.com/hook", "events": ["job.succeeded"]}
STEPS = [{"task": "shop.order", "args": {"n": n}} for n in (1, 2)]


@pytest.fixture
def shop(db: Database) -> Iterator[Shop]:
    """Its domain is apart. Handlers, a flow and a webhook wait for an end; the domain asks for a job."""
    with domain_database(db) as domain:
        inbox.prepare(domain.connect("admin"), login_name("handler"))
        shop = Shop(db, domain)
        publish(db, ORDER)
        server = db.connect("server")
        server.execute(
            "select server_api.put_webhook('hook', %s, null, null, 'me', null, null)", [json.dumps(HOOK)]
        )
        flow = {"flow": {"kind": "chain", "jobs": STEPS}}
        server.execute("select server_api.start_jobs(%s)", [json.dumps([flow])])
        session = Session(db)
        session.exchange(done=[done(item, {}) for item in session.claim()])
        with domain.connect("handler") as conn, conn.transaction():
            enqueue(conn, "shop.mail", to="acme")
        yield shop


@pytest.fixture
def stage(shop: Shop, processes: Processes) -> Iterator[Stage]:
    with restored(shop.db) as copy:
        yield Stage(copy, processes)


def told(stage: Stage, shop: Shop) -> dict[str, Any]:
    """What whoever waits has come to so far."""
    tasks = stage.rows("select task, count(*)::int as n from server_api.job group by 1")
    asked = shop.domain.connect("admin").execute("select count(*) from onewriter_inbox.outgoing").fetchone()
    return {
        "jobs": {row["task"]: row["n"] for row in tasks},
        "handled": len(shop.seen()),
        "deliveries": len(stage.rows("select from server_api.webhook_delivery")),
        "asked": asked and asked[0],
    }


def test_each_of_them_waits_for_the_arming(stage: Stage, shop: Shop, cli: Cli) -> None:
    copy = stage.db
    scheduler = stage.processes.scheduler(copy.dsn("server"), ONEWRITER_ENVIRONMENT=ENVIRONMENT)
    settings = {
        "ONEWRITER_HANDLERS": "tests.system.sample_handlers",
        "ONEWRITER_HANDLER_DATABASE_URL": copy.dsn("handler"),
        "ONEWRITER_DATABASE_URL": copy.dsn("server"),
        "ONEWRITER_DOMAIN_DATABASE_URL": shop.domain.dsn("handler"),
        "ONEWRITER_ENVIRONMENT": ENVIRONMENT,
    }
    handlers = stage.processes.start("handlers", [*ONEWRITER, "handlers", "run"], settings)
    said = "a copy of default (armed in the database onewriter_template) that nobody armed here"
    stage.until(lambda: said in scheduler.output())
    # The lane and the relay, each for itself.
    stage.until(lambda: handlers.output().count(said) == 2, say=handlers.output)
    waiting = {"jobs": {"shop.order": 1}, "handled": 0, "deliveries": 0, "asked": 1}
    assert told(stage, shop) == waiting
    assert cli("arm", "--environment", ENVIRONMENT, "--yes")[0] == 0
    # The next step; the mail of the handler and the one that was asked for; the message.
    jobs = {"shop.order": 2, "shop.mail": 2, "webhook.deliver": 1}
    all_of_it = {"jobs": jobs, "handled": 1, "deliveries": 1, "asked": 0}
    stage.until(lambda: told(stage, shop) == all_of_it, 40, lambda: told(stage, shop))
