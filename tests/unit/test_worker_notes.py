"""The books of what runs say: numbers, throttle, what fits, and who has said all that he may."""

import threading
from typing import Any

import msgspec
import pytest

from worker import notes
from worker.batch import Batch
from worker.desk import Desk
from worker.notes import EVERY, Books, Said
from worker.results import NotJson, Oversized
from worker.run import Run


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(notes, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def books(clock: Clock, told: list[str]) -> Books:
    return Books(lambda: told.append("now"))


def a_run(id_: int = 1, claim: int = 1) -> Run:
    return Run(id_, claim, "q", "t", msgspec.Raw(b"{}"), 0, 0, None, None, None, None, None, None)


def sent(said: Said) -> Any:
    return msgspec.json.decode(msgspec.json.encode(said))


def test_an_exchange_carries_nothing_of_what_is_not_there(books: Books) -> None:
    assert sent(books.take(100.0, [])) == {}
    books.progress(a_run(), {"n": 1})
    assert sent(books.take(100.0, [])) == {"progress": [[1, 1, '{"n":1}']]}


def test_notes_are_counted_for_each_run_from_one(books: Books) -> None:
    one, other = a_run(), a_run(2, claim=7)
    books.emit(one, "a")
    books.emit(other, "b")
    books.log(one, "c", "debug", {"d": 1})
    assert books.take(100.0, []).notes == [
        (1, 1, 1, "chunk", '"a"'),
        (1, 1, 2, "log", '{"level":"debug","message":"c","d":1}'),
        (2, 7, 1, "chunk", '"b"'),
    ]


def test_the_first_is_told_at_once_and_then_four_a_second(
    books: Books, clock: Clock, told: list[str]
) -> None:
    run = a_run()
    books.emit(run, 1)
    assert told == ["now"] and books.due(clock.now)
    books.take(clock.now, [])
    for _ in range(50):
        clock.now += EVERY / 100
        books.emit(run, 2)
        books.progress(run, {"n": clock.now})
        assert not books.due(clock.now) and not books.take(clock.now, [])
    # Whoever sleeps until then is not told meanwhile.
    assert told == ["now"] and books.next_look(clock.now) == 100.0 + EVERY
    clock.now = 100.0 + EVERY
    said = books.take(clock.now, [])
    assert len(said.notes) == 50 and len(said.progress) == 1
    clock.now += EVERY
    assert books.next_look(clock.now) == float("inf")
    books.emit(run, 3)
    assert told == ["now", "now"]


def test_a_run_that_ends_is_not_throttled_and_says_no_more(books: Books, clock: Clock) -> None:
    ended, other = a_run(1), a_run(2)
    books.emit(ended, 0)
    books.take(clock.now, [])
    books.emit(ended, 1)
    books.progress(ended, {"n": 1})
    books.emit(other, 1)
    said = books.take(clock.now, [(1, 1), (3, 1)])
    assert [note[:3] for note in said.notes] == [(1, 1, 2)] and said.progress == [(1, 1, '{"n":1}')]
    books.emit(ended, 2)
    assert not books.unread((1, 1)) and books.unread((2, 1))


def test_a_run_that_does_not_count_is_not_heard(books: Books) -> None:
    run = a_run()
    books.emit(run, 1)
    run.dead = True
    books.emit(run, 2)
    books.progress(run, {"n": 1})
    said = books.take(100.0, [])
    assert len(said.notes) == 1 and not said.progress


def test_one_that_says_too_much_for_an_exchange_lets_others_speak(books: Books, clock: Clock) -> None:
    loud, quiet = a_run(1), a_run(2)
    for n in range(60):
        books.emit(loud, ["x" * 60_000, n])
    books.emit(quiet, "please")
    first = books.take(clock.now, [])
    assert {note[0] for note in first.notes} == {1} and books.due(clock.now)
    assert sum(len(note[4]) for note in first.notes) < 1.7 * 1024 * 1024
    second = books.take(clock.now, [])
    assert second.notes[0][0] == 2
    heard = [note for said in (first, second, books.take(clock.now, [])) for note in said.notes]
    assert [note[2] for note in heard if note[0] == 1] == list(range(1, 61))


@pytest.mark.parametrize("queue", ["done", "retry", "release"])
def test_an_end_waits_until_its_run_has_said_everything(queue: str) -> None:
    desk = Desk(1)
    loud, quiet = a_run(1), a_run(2)
    for n in range(2_500):
        desk.books.emit(loud, n)
    desk.books.emit(quiet, 1)
    getattr(desk, queue).extend([(1, 1, None, None), (2, 1, None, None)])
    sent = []
    while desk.unsent() or desk.books.any():
        batch = Batch(desk, 0.0)
        assert batch.said and batch
        sent.append((len(batch.said.notes), batch.ids()))
    assert sent == [(1000, []), (1000, []), (501, [1, 2])]
    desk.close()


def test_a_batch_without_notes_is_what_it_was() -> None:
    desk = Desk(1)
    assert not Batch(desk, 0.0) and Batch(desk, 0.0).params([])[-1] is None
    assert Batch(desk, 0.0).params([(1, 2)])[-1] == b'{"started":[[1,2]]}'
    desk.close()


def test_threads_lose_no_number(books: Books, clock: Clock) -> None:
    run = a_run()

    def speak() -> None:
        for n in range(500):
            books.emit(run, n)

    threads = [threading.Thread(target=speak) for _ in range(4)]
    for thread in threads:
        thread.start()
    heard = []
    while len(heard) < 2_000:
        clock.now += EVERY
        heard += [note[2] for note in books.take(clock.now, []).notes]
    assert heard == list(range(1, 2_001))
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("size", "most"), [(10, notes.MAX_NOTES), (60_000, notes.MAX_BYTES // 60_002 + 1)])
def test_a_book_takes_what_a_job_may_say_and_one_more(
    books: Books, clock: Clock, caplog: pytest.LogCaptureFixture, size: int, most: int
) -> None:
    """By the one more the database sees that there is more."""
    run = a_run()
    for _ in range(most + 50):
        books.emit(run, "x" * size)
    heard = []
    while books.any():
        heard += books.take(clock.now, []).notes
    assert len(heard) == most + (size == 10)
    assert len(caplog.records) == 1 and "all that a job may say" in caplog.text
    books.progress(run, {"still": "heard"})
    assert books.any()


@pytest.mark.parametrize(
    ("data", "refusal"),
    [({1}, NotJson), (float("inf"), NotJson), ("\x00", NotJson), ("x" * 65_535, Oversized)],
)
def test_what_is_no_note_is_refused_and_costs_no_number(
    books: Books, data: Any, refusal: type[Exception]
) -> None:
    run = a_run()
    with pytest.raises(refusal, match="A chunk"):
        books.emit(run, data)
    books.emit(run, "x" * 65_534)
    assert [note[2] for note in books.take(100.0, []).notes] == [1]
    with pytest.raises(Oversized, match="4096"):
        books.progress(run, {"message": "x" * 4096})


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError


FIELDS = {
    "too large": ("x" * 70_000, {"left_out": True}),
    "no text": (Unspeakable(), {"left_out": True}),
    "too large as a text": (["x" * 70_000, {1}], {"left_out": True}),
    "no number": (float("nan"), {"field": "nan"}),
    "bytes": (b"a", {"field": "b'a'"}),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_log_never_raises(books: Books, field: str) -> None:
    value, shown = FIELDS[field]
    books.log(a_run(), "\x01" * 20_000, "\x00" * 99, {"field": value})
    (said,) = books.take(100.0, []).notes
    assert len(said[4]) <= notes.MAX_NOTE
    record = msgspec.json.decode(said[4])
    assert record == {"level": "\ufffd" * 32, "message": "\x01" * 8192, **shown}
