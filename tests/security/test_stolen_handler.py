"""A stolen handler's login: it has the events of handlers and may start jobs; onewriter's own ends are not its, nor is
where a job comes from. On 15 and 18."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.sql.test_verbs import call, refused
from tests.support.cluster import Database
from tests.support.consumer import EVERY, acknowledge, delay, end, outbox, publish, take
from tests.support.protocol import job

pytestmark = pytest.mark.pg15(soak=True)
FORGED = {
    "actor": "admin", "request_id": "r1", "run_id": 7,
    "idempotency": {"api_key": 1, "key": "k", "hash": "h", "answer": {"id": 1}},
}  # fmt: skip


@pytest.mark.parametrize("consumer", ["flows", "webhooks"])
def test_it_cannot_take_put_off_or_unsay_onewriters_own_ends(db: Database, consumer: str) -> None:
    """A flow would stand for ever, and nobody would be told."""
    publish(db, EVERY)
    end(db, job())
    db.connect("admin").execute("update jobs.outbox set consumer = %s", [consumer])
    before = outbox(db, "*")
    handler = db.connect("handler")
    assert take(handler, consumer=consumer) == []
    assert delay(handler, before[0][0], most=1) is None
    state, _ = refused(
        handler, "select server_api.acknowledge_events(%s)", json.dumps([{"id": before[0][0]}])
    )
    assert (state, outbox(db, "*")) == ("OWS01", before)


def start(how: str, db: Database, given: dict[str, Any]) -> None:
    """A job of this description, by one of the ways that a handler has; or a flow of it."""
    handler = db.connect("handler")
    one = {"job": given}
    if how == "acknowledgement":
        (event,) = take(handler)
        acknowledge(handler, {"id": event["id"], "follow": [one]})
    elif how == "relay":
        call(
            handler,
            "select server_api.relay_jobs(%s)",
            json.dumps([{"id": str(uuid.uuid4()), "items": [one]}]),
        )
    else:
        flow = {"kind": "chain", "jobs": [given]}
        call(
            handler,
            "select server_api.relay_jobs(%s)",
            json.dumps([{"id": str(uuid.uuid4()), "items": [{"flow": flow}]}]),
        )


@pytest.mark.parametrize("how", ["acknowledgement", "relay", "flow"])
def test_it_names_no_person_no_run_and_no_key_of_the_api(db: Database, how: str) -> None:
    publish(db, EVERY)
    end(db, job())
    start(how, db, job(args={"mine": 1}, **FORGED))
    admin = db.connect("admin")
    query = "select actor, request_id, run_id from procrastinate.procrastinate_jobs where args ? 'mine'"
    assert admin.execute(query).fetchall() == [(None, None, None)]
    assert admin.execute("select count(*) from jobs.idempotency").fetchone() == (0,)
