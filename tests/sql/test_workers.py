"""The registry of workers: what it takes, how a status changes, and that none of it decides a claim but drain."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from tests.support.cluster import LOGINS, Database, login_name
from tests.support.protocol import Session, done, enqueue, expire_lease, job, rescue

pytestmark = pytest.mark.pg15

CALLS = {
    "register_worker": "('h', 'n', null, null, null, null, null, 'me')",
    "heartbeat_worker": "(1)",
    "set_worker_status": "(1, 'active', 'me', null)",
    "drain_worker": "(1, 'me', null)",
    "resume_worker": "(1, 'me', null)",
    "remove_worker": "(1, 'me', null)",
    "activate_workers": "('me')",
    "retire_workers": "('me', '30 s')",
    "reactivate_workers": "('me')",
}
ALLOWED = {
    ("pending", "active"),
    ("pending", "offline"),
    ("active", "offline"),
    ("offline", "active"),
}
STATUSES = ("pending", "active", "offline")


def call(conn: psycopg.Connection[Any], query: str, *params: Any) -> Any:
    row = conn.execute(query.encode(), params).fetchone()
    assert row is not None
    return row[0]


def register(server: psycopg.Connection[Any], host: str = "h", name: str = "n", **fields: Any) -> int:
    given = [fields.get(f) for f in ("region", "capacity", "queues", "versions", "login")]
    query = "select server_api.register_worker(%s, %s, %s, %s, %s, %s, %s, 'me')"
    return int(call(server, query, host, name, *given))


def state(server: psycopg.Connection[Any], worker: int) -> str:
    return str(call(server, "select status from server_api.worker where id = %s", worker))


def checks(server: psycopg.Connection[Any], after: str = "30 s") -> list[list[str]]:
    """Who was moved by each of the three, in the order in which the scheduler knows them."""
    return [
        call(server, "select server_api.activate_workers('test')")["moved"],
        call(server, "select server_api.retire_workers('test', %s)", after)["moved"],
        call(server, "select server_api.reactivate_workers('test')")["moved"],
    ]


def age(db: Database, worker: int, seconds: int) -> None:
    """As if everything that was heard of it lay so far back."""
    admin = db.connect("admin")
    past = f"interval '{seconds} s'"
    admin.execute(
        f"update jobs.worker set changed_at = changed_at - {past}, last_heartbeat_at = last_heartbeat_at - {past}"
        " where id = %s".encode(),
        [worker],
    )
    admin.execute(
        f"update jobs.session set last_seen_at = last_seen_at - {past}, expires_at = expires_at - {past}"
        " where worker_id = %s".encode(),
        [worker],
    )


def worker_of(server: psycopg.Connection[Any], session: Session) -> int:
    return int(call(server, "select worker_id from server_api.session where id = %s", session.id))


def refused(sqlstate: str) -> Any:
    return pytest.raises(psycopg.Error, match="") if not sqlstate else _Refused(sqlstate)


class _Refused:
    """`with refused('OWW01') as error`: the statement fails with it; its DETAIL is `error.detail`."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate, self.detail = sqlstate, {}

    def __enter__(self) -> _Refused:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        assert isinstance(error, psycopg.Error), f"not refused with {self.sqlstate}"
        assert error.sqlstate == self.sqlstate, error
        self.detail: dict[str, Any] = json.loads(error.diag.message_detail or "{}")
        return True
