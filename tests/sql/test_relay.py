"""Rows of a domain in another database become jobs once, however often they are told."""

import json
import uuid
from typing import Any

import psycopg
import pytest

from tests.support.cluster import Database
from tests.support.protocol import job

PACK, MAIL = str(uuid.uuid4()), str(uuid.uuid4())


def relay(db: Database, *rows: dict[str, Any], role: str = "handler") -> dict[str, Any]:
    found = db.connect(role).execute("select server_api.relay_jobs(%s)", [json.dumps(rows)]).fetchone()
    assert found is not None
    answer: dict[str, Any] = json.loads(found[0])
    return answer


def row(row_id: str, *jobs: dict[str, Any]) -> dict[str, Any]:
    return {"id": row_id, "items": [{"job": one} for one in jobs]}


def test_a_row_that_is_told_again_starts_nothing(db: Database) -> None:
    first = relay(db, row(PACK, job(task="pack"), job(task="pack")))
    assert len(first["jobs"]) == 2 and "ow_any" in first["wake"]
    again = relay(db, row(PACK, job(task="pack"), job(task="pack")), row(MAIL, job(task="mail")))
    assert len(again["jobs"]) == 1
    cause = "select kind, ref from jobs.cause where first_job = %s"
    assert db.connect("admin").execute(cause, again["jobs"]).fetchone() == ("sql", f"domain row {MAIL}")


def test_jobs_have_the_order_in_which_they_were_asked_for(db: Database) -> None:
    rows = sorted((str(uuid.uuid4()) for _ in range(3)), reverse=True)
    made = relay(db, *(row(row_id, job(task="pack")) for row_id in rows))["jobs"]
    refs = "select ref from jobs.cause where first_job = any (%s) order by first_job"
    told = db.connect("admin").execute(refs, [made]).fetchall()
    assert [ref for (ref,) in told] == [f"domain row {row_id}" for row_id in rows]


def test_what_is_refused_is_not_remembered(db: Database) -> None:
    with pytest.raises(psycopg.Error):
        relay(db, row(PACK, job(task="pack", max_attempts=0)))
    assert len(relay(db, row(PACK, job(task="pack")))["jobs"]) == 1


@pytest.mark.parametrize("role", ["server", "worker", "producer", "dba"])
def test_handlers_alone_relay(same_db: Database, role: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        relay(same_db, row(PACK), role=role)


def test_old_rows_are_forgotten(db: Database) -> None:
    relay(db, row(PACK), row(MAIL))
    admin = db.connect("admin")
    admin.execute("update jobs.relayed set at = at - interval '31 days' where id = %s", [PACK])
    server = db.connect("server")
    assert [server.execute("select server_api.prune_relayed()").fetchone() for _ in range(2)] == [(1,), (0,)]
    assert admin.execute("select id::text from jobs.relayed").fetchall() == [(MAIL,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.connect("worker").execute("select server_api.prune_relayed()")
