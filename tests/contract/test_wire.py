"""Names of channels and the columns of an exchange: three programs agree without importing each other."""

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.database.notifier import queue_channel, queue_channels
from app.database.sqlstates import QUARANTINED
from app.settings import DEFAULT_ENVIRONMENT
from tests.support.cluster import Database
from tests.support.protocol import FIELDS, Session, enqueue, job
from tests.support.stage import channel
from worker import answer, session
from worker import settings as worker_settings
from worker.run import Run

NAMES = [
    "default",
    "größe ✓",
    "\U0001d518\U0001d52b",
    "x" * 128,
    "ü" * 128,
    " a b ",
    'q"uote',
    "back\\slash",
    "new\nline",
    "{},()",
    "NULL",
]


def of_the_worker(*queues: str) -> list[str]:
    identity = session.Identity(
        dsn="", name="w", queues=list(queues), lease=15, info="{}", environment="default"
    )
    return session.channels(session.Session(id=7, secret=""), identity)


def of_the_database(db: Database, *queues: str) -> set[str]:
    row = db.connect("admin").execute("select jobs.channels(%s)", [list(queues)]).fetchone()
    assert row is not None
    return set(row[0])


@pytest.mark.pg15
def test_channels_have_one_name(db: Database) -> None:
    for name in NAMES:
        assert of_the_database(db, name) == set(queue_channels(name))
        assert of_the_worker(name) == ["ow_w_7", queue_channel(name)]
    assert of_the_database(db, *NAMES) == {"ow_any", *map(queue_channel, NAMES)}


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=128))
@settings(max_examples=50)
def test_any_name_makes_the_same_channel(name: str) -> None:
    assert of_the_worker(name) == ["ow_w_7", queue_channel(name)]
    assert channel(name) == queue_channel(name)
    assert len(queue_channel(name).encode()) <= 63


def test_queues_reach_the_session_as_they_are(db: Database) -> None:
    """The worker writes PostgreSQL's array syntax itself."""
    given_text = session._array(NAMES)
    row = db.connect("worker").execute("select %s::text[]", [given_text]).fetchone()
    assert row == (NAMES,)


def test_columns_have_one_order() -> None:
    ours = Run.__struct_fields__[: len(FIELDS)]
    assert len(answer.Columns.__struct_fields__) == len(FIELDS)
    assert ours == ("id", "claim", *FIELDS[2:])
    assert answer.Columns.__struct_fields__ == ours


@pytest.mark.pg15
def test_a_claim_arrives_field_by_field(db: Database) -> None:
    """Each field has a value of its own, so that two that changed places would show."""
    server = db.connect("server")
    planned = datetime.now(UTC) - timedelta(seconds=5)
    (job_id,) = enqueue(server, job(
        task="a task", queue="größe ✓", args={"a": [1, None, "ü"]}, priority=-7, lock="a lock",
        queueing_lock="a queueing lock", run_at=planned.isoformat(), timeout=12.5, max_attempts=9,
    ))  # fmt: skip
    session_ = Session(db)
    row = session_.connection.execute(
        "select worker_api.exchange(%s, %s, null, null, null, null, null, null, null, 1, 1, true, null)",
        [session_.id, session_.secret],
    ).fetchone()
    assert row is not None
    reply = answer.answer(row[0])
    assert reply.jobs is not None
    (run,) = reply.jobs.runs()
    assert (run.id, run.queue, run.task, run.attempts, run.priority) == (job_id, "größe ✓", "a task", 0, -7)
    assert (run.lock, run.queueing_lock, run.timeout, run.max_attempts) == (
        "a lock",
        "a queueing lock",
        12.5,
        9,
    )
    assert run.arguments() == {"a": [1, None, "ü"]}
    assert not run.crashes
    assert run.claim > 0
    stock = run.job(session_.id)
    assert stock.scheduled_at is None or stock.scheduled_at == planned


@pytest.mark.parametrize("role", ["worker", "worker2"])
def test_every_answer_decodes(db: Database, role: str) -> None:
    """Empty, refused and gone: none of them has a field that the worker doesn't know."""
    one = Session(db, role)
    known = {field.encode_name for field in msgspec.structs.fields(answer.Answer)}
    for secret in (one.secret, "another"):
        row = one.connection.execute(
            "select worker_api.exchange(%s, %s, '{1}', '{1}',"
            " null, null, null, null, null, 5, 5, true, null)",
            [one.id, secret],
        ).fetchone()
        assert row is not None
        assert set(json.loads(row[0])) <= known
        reply = answer.answer(row[0])
        assert reply.gone is (secret != one.secret)
        assert reply.stale == ([1] if not reply.gone else [])


def test_an_identity_says_all_that_open_takes() -> None:
    assert {field.name for field in fields(session.Identity)} == {
        "dsn",
        "name",
        "queues",
        "lease",
        "info",
        "environment",
    }


def test_both_sides_know_an_environment_alike() -> None:
    assert {session.QUARANTINED, session.WRONG_ENVIRONMENT} == QUARANTINED
    unset = worker_settings.read({"ONEWRITER_WORKER_DATABASE_URL": "postgresql://w@h/d"})
    assert unset.environment == DEFAULT_ENVIRONMENT
