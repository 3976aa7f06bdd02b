"""What /readyz says of the scheduler, from the locks that a leader holds."""

import psycopg
import pytest
from psycopg import errors

from tests.support.cluster import Database

STATE = "select server_api.scheduler_state()"


def state(conn: psycopg.Connection) -> str:
    row = conn.execute(STATE).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.pg15
def test_it_follows_who_holds_which_lock(db: Database) -> None:
    server = db.connect("server")
    assert state(server) == "nobody leads"
    with db.connect("server") as leader:
        leader.execute("select server_api.elect('scheduler')")
        assert state(server) == "disabled"
        leader.execute("select server_api.elect('schedules')")
        assert state(server) == "ok"
    # Its backend ends a moment after its connection.
    assert any(state(server) == "nobody leads" for _ in range(1000))


@pytest.mark.parametrize("role", ["worker", "producer", "dba", "janitor"])
def test_others_may_not_ask(db: Database, role: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        db.connect(role).execute(STATE)
