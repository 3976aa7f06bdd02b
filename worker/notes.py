"""What running tasks say (progress, logs, chunks), kept until an exchange has carried it to the database.

A run has a book, made when it first says something. A book takes what a job may say at all and no more
(10,000 notes, 16 MB): so its memory is bounded, nothing within the limits is lost, and nobody ever waits.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import msgspec

from worker.results import NotJson, Oversized, check_size, clean, encode_json
from worker.run import Run

logger = logging.getLogger(__name__)

MAX_NOTE, MAX_PROGRESS = 64 * 1024, 4 * 1024
MAX_NOTES, MAX_BYTES = 10_000, 16 * 1024 * 1024
# The open books are read at most this often; those of runs that have ended with the end.
EVERY = 0.25
# Of one exchange: with what ends it is under the 8 MB that an exchange carries.
_ITEMS, _BYTES = 1_000, 1536 * 1024
_MAX_MESSAGE = 8 * 1024

Key = tuple[int, int]


class Said(msgspec.Struct, omit_defaults=True):
    """What one exchange carries: [job, claim, (number, kind,) JSON text] each."""

    notes: list[tuple[int, int, int, str, str]] = []
    progress: list[tuple[int, int, str]] = []
    started: list[Key] = []

    def __bool__(self) -> bool:
        return bool(self.notes or self.progress or self.started)


class Book:
    """Of one run; `seq` counts its notes from 1. Only `Books` writes in it, under its lock."""

    __slots__ = ("closed", "full", "notes", "progress", "run", "seq", "size")

    def __init__(self, run: Run):
        self.run = run
        self.seq = self.size = 0
        self.notes: deque[tuple[int, str, str]] = deque()
        self.progress: str | None = None
        self.closed = self.full = False

    @property
    def key(self) -> Key:
        return self.run.id, self.run.claim


class Books:
    """Every run's book; `tell` is called, from any thread, when there is something to fetch now."""

    def __init__(self, tell: Callable[[], None]):
        self._tell = tell
        self._lock = threading.Lock()
        self._unread: dict[Key, Book] = {}
        self._next = 0.0

    def emit(self, run: Run, data: Any) -> None:
        """Raises NotJson, Oversized."""
        self._write(run, "chunk", _text(run, "A chunk", data, MAX_NOTE))

    def log(self, run: Run, message: str, level: str, fields: dict[str, Any]) -> None:
        """Never raises."""
        mask = run.secrets.mask if run.secrets is not None else str
        record = {"level": clean(str(level))[:32], "message": clean(mask(str(message)))[:_MAX_MESSAGE]}
        self._write(run, "log", _record(run, record, fields))

    def progress(self, run: Run, value: dict[str, Any]) -> None:
        """The latest only. Raises NotJson, Oversized."""
        text = _text(run, "The progress", value, MAX_PROGRESS)
        with self._lock:
            book = self._open(run)
            if book is None:
                return
            book.progress = text
            self._unread[book.key] = book
        self._hurry()

    def due(self, now: float) -> bool:
        """Whether an exchange is worth its while for them alone."""
        return bool(self._unread) and now >= self._next

    def next_look(self, now: float) -> float:
        """Nobody is told of anything before `_next`: whoever sleeps looks again then, else only when told."""
        return self._next if now < self._next else math.inf

    def take(self, now: float, ended: Iterable[Key]) -> Said:
        """At most what fits into one exchange; first of the runs that end with it, which say no more."""
        said = Said([], [], [])
        with self._lock:
            closed = [book for key in ended if (book := self._unread.get(key)) is not None]
            for book in closed:
                book.closed = True
            due = list(self._unread.values()) if now >= self._next else []
            room = _BYTES
            for book in dict.fromkeys((*closed, *due)):
                if room <= 0:
                    break
                room = self._read(book, said, room)
            if due:
                self._next = now if room <= 0 else now + EVERY
        return said

    def any(self) -> bool:
        return bool(self._unread)

    def unread(self, key: Key) -> bool:
        return key in self._unread

    def clear(self) -> None:
        with self._lock:
            self._unread.clear()

    def _write(self, run: Run, kind: str, text: str) -> None:
        with self._lock:
            book = self._open(run)
            if book is None or book.full:
                return
            book.seq += 1
            book.size += len(text)
            book.notes.append((book.seq, kind, text))
            # The one beyond goes too: by it the database sees that there would have been more.
            book.full = book.seq > MAX_NOTES or book.size > MAX_BYTES
            self._unread[book.key] = book
        if book.full:
            logger.warning(
                "Job %s[%s] has said all that a job may say; the rest is dropped", run.task, run.id
            )
        self._hurry()

    def _open(self, run: Run) -> Book | None:
        """None for a run that has ended or does not count any more."""
        book: Book | None = run.book
        if book is None:
            run.book = book = Book(run)
        return None if run.dead or book.closed else book

    def _hurry(self) -> None:
        if monotonic() >= self._next:
            self._tell()

    def _read(self, book: Book, said: Said, room: int) -> int:
        """Moves what fits; answers the room that is left, 0 where something did not fit."""
        key = book.key
        del self._unread[key]
        if book.progress is not None and room > 0 and len(said.progress) < _ITEMS:
            said.progress.append((*key, book.progress))
            room -= _weight(book.progress)
            book.progress = None
        while book.notes and room > 0 and len(said.notes) < _ITEMS:
            said.notes.append((*key, *book.notes.popleft()))
            room -= _weight(said.notes[-1][-1])
        if book.notes or book.progress is not None:
            # Behind the others, whose turn is next.
            self._unread[key] = book
            return 0
        return room


def _record(run: Run, record: dict[str, str], fields: dict[str, Any]) -> str:
    try:
        return _text(run, "A log record", {**record, **fields}, MAX_NOTE)
    except NotJson:
        with contextlib.suppress(Exception):  # a field's __str__ is code of others
            shown = {name: clean(str(value)) for name, value in fields.items()}
            return _text(run, "A log record", {**record, **shown}, MAX_NOTE)
    except Oversized:
        pass
    return _text(run, "A log record", {**record, "left_out": True}, MAX_NOTE)


def _text(run: Run, what: str, value: Any, most: int) -> str:
    """Raises NotJson, Oversized."""
    text = encode_json(value, what, most)
    if run.secrets is not None:
        text = run.secrets.mask_json(text)
        check_size(text, what, most)
    return text.decode()


def _weight(text: str) -> int:
    """Bytes of a JSON text within JSON; four a character is the most, what is escaped has two."""
    return (len(text) if text.isascii() else len(text.encode())) + text.count('"') + text.count("\\") + 64
