"""What running jobs say is stored once, in order, bounded, and only from who holds them."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.support.cluster import Database
from tests.support.protocol import Session, done, enqueue, job, note, progress, release, retry, status

Held = dict[str, Any]


@pytest.fixture
def server(db: Database) -> psycopg.Connection[Any]:
    return db.connect("server")


@pytest.fixture
def worker(db: Database) -> Session:
    return Session(db)


@pytest.fixture
def held(server: psycopg.Connection[Any], worker: Session) -> Held:
    enqueue(server, job())
    return worker.claim()[0]


@pytest.fixture
def read(server: psycopg.Connection[Any]) -> Callable[[], list[Any]]:
    """Every note's claim, number and content."""
    query = "select claim_no, seq, data from server_api.note order by job_id, claim_no, seq"
    return lambda: server.execute(query).fetchall()


def stream(server: psycopg.Connection[Any], *columns: str) -> Any:
    return server.execute(f"select {', '.join(columns)} from server_api.stream".encode()).fetchone()


def test_notes_and_progress_are_stored_and_signalled(
    server: psycopg.Connection[Any], worker: Session, held: Held, read: Callable[[], list[Any]]
) -> None:
    log = {"level": "info", "message": "half"}
    said = {
        "notes": [note(held, 1, log, "log"), note(held, 2, [1, "two"])],
        "progress": [progress(held, current=1, total=2)],
    }
    assert worker.exchange(notes=said)["wake"] == ["ow_job"]
    assert read() == [(1, 1, log), (1, 2, [1, "two"])]
    size = len('{"level": "info", "message": "half"}[1, "two"]')
    row = stream(server, "job_id", "claim_no", "seq", "notes", "bytes", "progress", "truncated_at")
    assert row == (held["id"], 1, 2, 2, size, {"current": 1, "total": 2}, None)


def test_what_is_sent_again_is_there_once_and_wakes_nobody(
    worker: Session, held: Held, read: Callable[[], list[Any]]
) -> None:
    said = {"notes": [note(held, 1, "a"), note(held, 2, "b")], "progress": [progress(held, current=1)]}
    worker.exchange(notes=said)
    assert "wake" not in worker.exchange(notes=said)
    worker.exchange(notes={"notes": [note(held, 2, "other"), note(held, 3, "c")]})
    assert read() == [(1, 1, "a"), (1, 2, "b"), (1, 3, "c")]


def test_after_a_gap_nothing_is_taken(worker: Session, held: Held, read: Callable[[], list[Any]]) -> None:
    worker.exchange(notes={"notes": [note(held, 1, "a"), note(held, 3, "c"), note(held, 4, "d")]})
    worker.exchange(notes={"notes": [note(held, 0, "zero"), note(held, -1, "minus"), note(held, 5, "e")]})
    worker.exchange(notes={"notes": [note(held, 3, "C"), note(held, 2, "B")]})
    assert read() == [(1, 1, "a"), (1, 2, "B"), (1, 3, "C")]


def test_notes_come_with_the_end_of_their_run_and_never_after_it(
    server: psycopg.Connection[Any], worker: Session, held: Held, read: Callable[[], list[Any]]
) -> None:
    worker.exchange(notes={"notes": [note(held, 1, "last words")]}, done=[done(held)])
    assert status(server, held["id"]) == "succeeded" and read() == [(1, 1, "last words")]
    assert "wake" not in worker.exchange(notes={"notes": [note(held, 2, "late")]})
    assert len(read()) == 1


@pytest.mark.parametrize("back", ["retry", "release"])
def test_each_claim_begins_its_own_stream(
    server: psycopg.Connection[Any], worker: Session, held: Held, read: Callable[[], list[Any]], back: str
) -> None:
    said = {"notes": [note(held, 1, "first")], "progress": [progress(held, current=9)]}
    item = {"retry": [retry(held)]} if back == "retry" else {"release": [release(held)]}
    worker.exchange(notes=said, **item)
    (again,) = worker.claim()
    worker.exchange(notes={"notes": [note(held, 2, "stale"), note(again, 1, "second")]})
    assert read() == [(1, 1, "first"), (2, 1, "second")]
    assert stream(server, "claim_no", "seq", "notes", "progress") == (2, 1, 2, None)


def test_only_the_holder_speaks_for_a_job(
    db: Database, worker: Session, held: Held, read: Callable[[], list[Any]]
) -> None:
    other = Session(db, "worker2")
    forged = [{**held, "claim_no": 2}, {**held, "id": held["id"] + 1}]
    said = [note(held, 1, "not mine")], [progress(held, current=1)]
    answer = other.exchange(notes={"notes": said[0], "progress": said[1]})
    assert "wake" not in answer
    assert "wake" not in worker.exchange(notes={"notes": [note(other_, 1, "forged") for other_ in forged]})
    assert read() == []
    other.secret = "guessed"
    assert other.exchange(notes={"notes": said[0]})["gone"] and read() == []


NOT_HELD = {
    "NUL": '"a\\u0000b"',
    "lone surrogate": '"\\ud800"',
    "NaN": "NaN",
    "no number of this world": "1e999999",
    "a number of gigabytes": "[" + ",".join(["1e131071"] * 30) + "]",
    "no JSON": "{",
    "33 levels": "[" * 33 + "1" + "]" * 33,
    "3,000 levels": "[" * 30_000 + "]" * 30_000,
    "65 KB": '"' + "x" * 66_000 + '"',
    "1 MB": '"' + "x" * 1_000_000 + '"',
}


@pytest.mark.parametrize("how", NOT_HELD)
def test_what_is_not_acceptable_gives_way_to_a_note_that_says_so(
    server: psycopg.Connection[Any], worker: Session, held: Held, read: Callable[[], list[Any]], how: str
) -> None:
    """Alone: its neighbours, its number and the exchange are as they would be without it."""
    bad = [held["id"], 1, 2, "chunk", NOT_HELD[how]]
    said = {
        "notes": [note(held, 1, "a"), bad, note(held, 3, "c")],
        "progress": [progress(held, n=1), [held["id"], 1, '{"n":' + NOT_HELD[how] + "}"]],
    }
    worker.exchange(notes=said, done=[done(held)])
    first, refused, last = read()
    assert (first[2], last[2]) == ("a", "c") and status(server, held["id"]) == "succeeded"
    assert refused[2]["level"] == "warning" and "refused" in refused[2]["message"]
    assert stream(server, "progress") == (None,)


def test_of_other_kinds_and_shapes_only_that_is_said(
    worker: Session, held: Held, read: Callable[[], list[Any]]
) -> None:
    bad = [note(held, 1, {}, "state"), note(held, 2, "text", "log"), [held["id"], 1, 3, None, None]]
    worker.exchange(notes={"notes": bad, "progress": [[held["id"], 1, "[1]"], [held["id"], 1, None]]})
    assert [row[2]["level"] for row in read()] == ["warning"] * 3


def test_a_job_has_so_many_notes_over_all_its_runs(
    server: psycopg.Connection[Any], worker: Session, held: Held
) -> None:
    for start in range(1, 10_000, 1_000):
        worker.exchange(notes={"notes": [note(held, seq, 0) for seq in range(start, start + 1_000)]})
    assert stream(server, "notes", "truncated_at") == (10_000, None)
    worker.exchange(notes={"notes": [note(held, 10_001, 0)]}, release=[release(held)])
    notes, first = stream(server, "notes", "truncated_at")
    assert notes == 10_000 and first is not None
    (again,) = worker.claim()
    said = {"notes": [note(again, 1, "more")], "progress": [progress(again, current=3)]}
    worker.exchange(notes=said)
    assert stream(server, "notes", "truncated_at", "progress") == (10_000, first, {"current": 3})
    assert server.execute("select count(*) from server_api.note").fetchone() == (10_000,)


def test_and_so_many_bytes(server: psycopg.Connection[Any], worker: Session, held: Held) -> None:
    large = "x" * (65_000 - 2)
    for start in range(1, 260, 100):
        some = range(start, min(start + 100, 260))
        worker.exchange(notes={"notes": [note(held, seq, large) for seq in some]})
    full = (258, 258 * 65_000)
    notes, size, truncated = stream(server, "notes", "bytes", "truncated_at")
    assert (notes, size) == full and truncated is not None
    # What would still fit comes too late: whoever reads is told where the rest is missing.
    worker.exchange(release=[release(held)])
    worker.exchange(notes={"notes": [note(worker.claim()[0], 1, "small")]})
    assert stream(server, "notes", "bytes") == full


def test_an_exchange_takes_a_thousand(worker: Session, held: Held) -> None:
    for kind in ("notes", "progress"):
        item = note(held, 1, 0) if kind == "notes" else progress(held)
        with pytest.raises(psycopg.Error) as refused:
            worker.exchange(notes={kind: [item] * 1_001})
        assert refused.value.sqlstate == "OWV01"


def test_a_dba_reads_logs_and_only_the_types_of_the_rest(db: Database, worker: Session, held: Held) -> None:
    log = {"level": "info", "message": "sent", "to": "a@b.example"}
    worker.exchange(notes={"notes": [note(held, 1, log, "log"), note(held, 2, {"text": "private"})]})
    rows = db.connect("dba").execute("select kind, level, message, data from inspect.job_logs order by seq")
    assert rows.fetchall() == [
        ("log", "info", "sent", {"to": "string"}),
        ("chunk", None, None, {"text": "string"}),
    ]


def test_they_go_with_their_job(
    server: psycopg.Connection[Any], worker: Session, held: Held, read: Callable[[], list[Any]]
) -> None:
    worker.exchange(notes={"notes": [note(held, 1, "a")]}, done=[done(held)])
    server.execute("select server_api.remove(%s, 'tests', 'over', null)", [held["id"]])
    assert read() == [] and stream(server, "job_id") is None


REFUSED = [
    ("worker", "select * from server_api.note"),
    ("worker", "select * from server_api.stream"),
    ("worker", "select * from inspect.job_logs"),
    ("worker", "select jobs.take_notes(1, '{}')"),
    ("producer", "select * from server_api.note"),
    ("dba", "select * from server_api.note"),
    ("dba", "select * from server_api.stream"),
    ("server", "insert into jobs.note values (1, 1, 1, 'log', now(), '{}')"),
    ("server", "update server_api.stream set progress = '{}'"),
    ("server", "select jobs.take_notes(1, '{}')"),
]


@pytest.mark.parametrize(("role", "statement"), REFUSED)
def test_nobody_else_reads_or_writes_them(same_db: Database, role: str, statement: str) -> None:
    with same_db.connect(role) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(statement.encode())
