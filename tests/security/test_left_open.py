"""What core PostgreSQL leaves open, line by line as in docs/security.md, each with its compensation. On 15 and 18."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.security.attack import observed
from tests.security.battlefield import Battlefield, changed
from tests.support.protocol import Session, done, enqueue, job, retry

pytestmark = pytest.mark.pg15(soak=True)


@pytest.fixture
def attacker(field: Battlefield) -> Iterator[psycopg.Connection[object]]:
    """A worker's connection with a mind of its own; the victim goes on meanwhile."""
    with field.db.connect("worker", prepare_threshold=None) as conn:
        yield conn
    assert field.still_answers()


def test_notify_floods_carry_nothing_and_change_nothing(
    field: Battlefield, attacker: psycopg.Connection[object]
) -> None:
    """It can't be forbidden: hints without data, and what comes by it is a look that finds nothing."""
    before = field.fingerprint(catalogues=False)
    for n in range(200):
        attacker.execute("; ".join(f"notify ow_any, '{n}-{m}'" for m in range(50)).encode())
    attacker.execute(f"notify ow_w_{field.victim.id}, 'abort'".encode())
    for channel in ("ow_out", "ow_job", "ow_sched"):
        attacker.execute(f"notify {channel}, '{'x' * 7900}'".encode())
    assert changed(before, field.fingerprint(catalogues=False)) == []
    usage = field.admin.execute("select pg_notification_queue_usage() < 0.05").fetchone()
    assert usage == (True,)


def test_who_listens_to_everything_hears_that_something_happened(
    field: Battlefield, attacker: psycopg.Connection[object]
) -> None:
    """Channels have a hash in their name and nothing in their payload."""
    channels = ["ow_any", "ow_job", "ow_out", "ow_sched", f"ow_w_{field.victim.id}"]
    attacker.execute("; ".join(f"listen {channel}" for channel in channels).encode())
    producer = field.db.connect("producer")
    row = producer.execute(
        "select server_api.enqueue('echo', '{\"a\": \"canary\"}', queue => 'heard')"
    ).fetchone()
    heard = list(attacker.notifies(timeout=5, stop_after=1))
    assert [(note.channel, note.payload) for note in heard] == [("ow_any", "")]
    field.admin.execute("delete from procrastinate.procrastinate_jobs where id = %s", row)
    field.admin.execute("delete from jobs.queue where name = 'heard'")
    field.admin.execute("delete from jobs.cause where first_job = %s", row)


def test_a_login_may_change_its_own_settings_and_password_and_nothing_comes_of_it(
    field: Battlefield, attacker: psycopg.Connection[object]
) -> None:
    """Of later sessions of that login alone; dropping the login ends it, `logins create` sets them anew."""
    with attacker.transaction(force_rollback=True):
        attacker.execute("alter role current_user set work_mem = '1GB'")
        attacker.execute(
            f"alter role current_user in database {field.db.name} set search_path = pg_temp".encode()
        )
        attacker.execute("alter role current_user password 'mine'")
        attacker.execute(
            "select set_config('search_path', 'pg_temp', true), set_config('statement_timeout', '0', true)"
        )
        assert attacker.execute("select count(*) from worker_api.running").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), attacker.transaction():
            attacker.execute("alter role onewriter_test_worker2 password 'mine'")


def test_the_guards_stand_until_a_login_takes_them_off(attacker: psycopg.Connection[object]) -> None:
    for setting, value in (
        ("statement_timeout", "1min"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("work_mem", "16MB"),
    ):
        assert attacker.execute(f"show {setting}".encode()).fetchone() == (value,)


def test_a_held_snapshot_is_named_with_its_login_and_its_end(
    field: Battlefield, attacker: psycopg.Connection[object]
) -> None:
    """It holds vacuum back and can't be forbidden; a DBA sees whose it is, and the janitor ends it."""
    attacker.execute("begin isolation level repeatable read; select 1")
    rows = (
        field.db.connect("dba")
        .execute("select login, remedy from inspect.snapshots where pid = %s", [attacker.info.backend_pid])
        .fetchall()
    )
    assert rows == [("onewriter_test_worker", f"select pg_terminate_backend({attacker.info.backend_pid});")]
    field.admin.execute(rows[0][1].encode())
    with pytest.raises(psycopg.OperationalError):
        attacker.execute("select 1")


def test_reading_locks_stand_in_the_way_of_ddl_alone(
    field: Battlefield, attacker: psycopg.Connection[object]
) -> None:
    """LOCK … IN ACCESS SHARE MODE is what every SELECT takes: work goes on, a migration would wait."""
    attacker.execute(
        "begin; lock table worker_api.running in access share mode; lock table pg_class in access share mode"
    )
    server, worker = field.db.connect("server"), Session(field.db, "worker2", queues=["locked"])
    ids = enqueue(server, job(queue="locked"))
    (held,) = worker.claim()
    assert "stale" not in worker.exchange(done=[done(held)])
    with pytest.raises(psycopg.errors.LockNotAvailable):
        field.admin.execute(
            "begin; set local lock_timeout = '50ms'; lock table jobs.session in access exclusive mode"
        )
    field.admin.execute("rollback")
    _forget(field, worker, ids)


def test_refused_results_are_kept_by_the_hundred(field: Battlefield) -> None:
    """Evidence has a bound for each call, and rescue keeps the last 10,000."""
    attacker = Session(field.db, "worker", queues=["mine"])
    count = "select count(*), coalesce(max(length(item)), 0) from jobs.late_results where session_id = %s"
    answer = attacker.exchange(done=[[field.held["id"], 1, '"' + "x" * 8000 + '"', None]] * 900)
    assert len(answer["stale"]) == 900
    kept = field.admin.execute(count, [attacker.id]).fetchone()
    assert kept is not None and kept[0] == 100 and kept[1] <= 8192
    attacker.close()
    field.admin.execute("delete from jobs.late_results where session_id = %s", [attacker.id])


def test_a_worker_may_move_its_own_job_and_not_change_it(field: Battlefield) -> None:
    """A retry names queue, priority and lock, as Procrastinate's does; task and arguments stay what they were."""
    server, attacker = field.db.connect("server"), Session(field.db, "worker", queues=["mine"])
    ids = enqueue(server, job(queue="mine", args={"a": 1}))
    (held,) = attacker.claim()
    attacker.exchange(retry=[retry(held, 0, queue="elsewhere", priority=9)])
    rows = server.execute(
        "select queue, priority, task, args, attempts from server_api.job where id = any(%s)", [ids]
    )
    assert rows.fetchall() == [("elsewhere", 9, "echo", {"a": 1}, 1)]
    _forget(field, attacker, ids)


def test_a_hungry_statement_leaves_the_server_answering(
    field: Battlefield, attacker: psycopg.Connection[object]
) -> None:
    for query in (
        "select length(repeat('x', 20000000))",
        "select " + "(" * 20_000 + "1" + ")" * 20_000,
        "select count(*) from generate_series(1, 50000) a where md5(a::text) like 'x%'",
        "select array_agg(a) is null from generate_series(1, 50000) a",
        "with recursive t(n) as (select 1 union all select n + 1 from t where n < 100000) select max(n) from t",
    ):
        state, _ = observed(attacker, lambda query=query: attacker.execute(query.encode()))
        assert state in (None, "54001", "42601")  # too deep; the parser's memory
        assert field.still_answers()


def _forget(field: Battlefield, session: Session, ids: list[int]) -> None:
    session.close()
    field.admin.execute("delete from procrastinate.procrastinate_jobs where id = any(%s)", [ids])
    field.admin.execute("delete from jobs.attempt where job_id = any(%s)", [ids])
    field.admin.execute("delete from jobs.queue where name in ('mine', 'locked', 'elsewhere')")
