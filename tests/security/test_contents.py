"""What a stolen producer's or DBA's login may write has limits, so that whoever reads it can. On 15 and 18."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.security.attack import observed
from tests.security.battlefield import Battlefield, changed
from tests.support.protocol import Session

pytestmark = pytest.mark.pg15(soak=True)
DEEP = "('{\"a\":' || repeat('[', 3000) || repeat(']', 3000) || '}')::jsonb"
LARGE = "jsonb_build_object('a', repeat('x', 100000))"

# A job of each would have stopped every worker that claims it, or every list that shows it.
JOBS = {
    "in infinite time": "run_at => 'infinity'",
    "before all time": "run_at => '-infinity'",
    "in the year 20000": "run_at => '20000-01-01'",
    "before Christ": "run_at => '0044-03-15 BC'",
    "expires never": "expires_at => 'infinity'",
    "expired before all time": "expires_at => '-infinity'",
    "no number of seconds": "timeout => 'NaN'",
    "infinite seconds": "timeout => 'Infinity'",
    "seconds below zero": "timeout => -1",
    "no seconds": "timeout => 0",
    "a billion years": "timeout => 1e30",
    "no attempt": "max_attempts => 0",
    "attempts below zero": "max_attempts => -1",
    "arguments of 3,000 levels": f"args => {DEEP}",
    "arguments of 100 KB": f"args => {LARGE}",
    "arguments that are a list": "args => '[1]'",
    "arguments that are null": "args => 'null'",
    "no arguments": "args => null",
    "a queue without a name": "queue => ''",
    "a queue of 129 characters": "queue => repeat('q', 129)",
    "a lock of 10 MB": "lock => repeat('x', 10000000)",
    "a queueing lock of 10 MB": "queueing_lock => repeat('x', 10000000)",
    "a key of 10 MB": "key => repeat('x', 10000000)",
    "a reason of 10 MB": "reason => repeat('x', 10000000)",
}
STOCK = {
    "arguments of 3,000 levels": f"array[row('q', 'echo', 0, null, null, {DEEP}, null)]",
    "arguments of 100 KB": f"array[row('q', 'echo', 0, null, null, {LARGE}, null)]",
    "arguments that are a list": "array[row('q', 'echo', 0, null, null, '[]', null)]",
    "in infinite time": "array[row('q', 'echo', 0, null, null, '{}', 'infinity')]",
    "a task of 10 MB": "array[row('q', repeat('x', 10000000), 0, null, null, '{}', null)]",
    "20,000 jobs": "array_fill(row('q', 'echo', 0, null, null, '{}', null)"
    "::procrastinate.procrastinate_job_to_defer_v1, array[20000])",
}
VERBS = {
    "cancel": "operator_api.cancel({waiting}, %s)",
    "retry": "operator_api.retry({ended}, %s)",
    "run_now": "operator_api.run_now({ended}, %s)",
    "remove": "operator_api.remove({ended}, %s)",
    "pause": "operator_api.pause('victim', %s)",
    "replay_events": "operator_api.replay_events('handlers', %s)",
    "discard_events": "operator_api.discard_events('handlers', %s)",
    "put_schedule": 'operator_api.put_schedule(\'s\', \'{{"every": 9, "target": {{"all": true}}}}\', %s)',
}
INJECTED = ("'; delete from jobs.session; --", "$$; select 1; $$", "%I %s", "ñ\u202e\U0001f600", "\\'")


@pytest.fixture
def untouched(field: Battlefield) -> Iterator[Battlefield]:
    before = field.fingerprint(catalogues=False)
    yield field
    assert changed(before, field.fingerprint(catalogues=False)) == []


@pytest.mark.parametrize("how", JOBS)
def test_a_job_that_nobody_could_read_is_refused(untouched: Battlefield, how: str) -> None:
    state, _ = _call(untouched, "producer", f"server_api.enqueue('echo', {JOBS[how]})")
    assert state == ("23514" if "reason" in how else "OWV01")


@pytest.mark.parametrize("how", STOCK)
def test_by_procrastinates_own_function_too(untouched: Battlefield, how: str) -> None:
    call = f"procrastinate.procrastinate_defer_jobs_v1({STOCK[how]}::procrastinate.procrastinate_job_to_defer_v1[])"
    state, _ = _call(untouched, "producer", call)
    assert state == "OWV01"


@pytest.mark.parametrize("text", INJECTED)
def test_a_producers_text_is_a_text(field: Battlefield, text: str) -> None:
    """Each parameter comes out as it went in."""
    conn = field.connection("producer")
    with conn.transaction(force_rollback=True):
        row = conn.execute(
            "select server_api.enqueue('echo', queue => %(t)s, lock => %(t)s, queueing_lock => %(t)s, key => %(t)s,"
            " reason => %(t)s, args => jsonb_build_object('a', %(t)s::text))",
            {"t": text},
        ).fetchone()
    assert row is not None
    with pytest.raises(psycopg.Error) as refused:
        conn.execute("select server_api.enqueue(%s)", [text])
    assert refused.value.sqlstate == "OWU01"


@pytest.mark.parametrize("verb", VERBS)
def test_a_dbas_reason_has_a_limit_and_no_refusal_tells_secrets(untouched: Battlefield, verb: str) -> None:
    call = VERBS[verb].format(waiting=untouched.waiting, ended=untouched.ended)
    state, heard = _call(untouched, "dba", call, "x" * 10_000_000)
    # A job that has succeeded can't be retried, whatever the reason.
    assert state == ("OWS01" if verb == "retry" else "23514")
    assert not [canary for canary in untouched.canaries if canary in heard]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("text", INJECTED)
def test_a_dbas_text_is_a_text(field: Battlefield, verb: str, text: str) -> None:
    conn = field.connection("dba")
    before = field.fingerprint(catalogues=False)
    with conn.transaction(force_rollback=True):
        state, heard = observed_in(conn, VERBS[verb].format(waiting=field.waiting, ended=field.ended), text)
    assert state in (None, "OWS01")
    assert not [canary for canary in field.canaries if canary in heard]
    assert changed(before, field.fingerprint(catalogues=False)) == []


def test_a_worker_takes_what_a_producer_may_write(field: Battlefield) -> None:
    """The limits are those that a claim can carry: the longest and deepest job that is let in."""
    producer = field.db.connect("producer")
    deep = "('{\"a\":' || repeat('[', 31) || repeat(']', 31) || '}')::jsonb"
    row = producer.execute(
        f"select server_api.enqueue('echo', queue => 'edge', args => {deep} || jsonb_build_object('b', repeat('x', 60000)),"
        " timeout => 1e8, run_at => '2020-01-01', expires_at => '9999-12-01', reason => repeat('x', 1000))".encode()
    ).fetchone()
    assert row is not None
    worker = Session(field.db, "worker", queues=["edge"])
    (held,) = worker.claim()
    assert held["id"] == row[0] and len(held["args"]["b"]) == 60000
    read = (
        field.db.connect("server")
        .execute("select expires_at from server_api.job where id = %s", row)
        .fetchone()
    )
    assert read is not None and read[0].year == 9999
    worker.close()
    for table, column in (("procrastinate.procrastinate_jobs", "id"), ("jobs.cause", "first_job")):
        field.admin.execute(f"delete from {table} where {column} = %s".encode(), row)
    field.admin.execute("delete from jobs.queue where name = 'edge'")


def _call(field: Battlefield, login: str, call: str, *values: str) -> tuple[str | None, str]:
    conn = field.connection(login)
    return observed(conn, lambda: conn.execute(f"select {call}".encode(), values or None).fetchall())


def observed_in(conn: psycopg.Connection[Any], call: str, *values: str) -> tuple[str | None, str]:
    """In a transaction that goes on."""
    try:
        with conn.transaction():
            return None, str(conn.execute(f"select {call}".encode(), values).fetchall())
    except psycopg.Error as error:
        return error.sqlstate, f"{error} {error.diag.message_detail} {error.diag.context}"
