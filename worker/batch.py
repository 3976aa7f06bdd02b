"""What one exchange carries to the database: at most 1,000 items and well under 8 MB."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import compress
from typing import Any

import msgspec

from worker.desk import Desk, Item
from worker.notes import Key, Said

_ITEMS = 1_000
_BYTES = 6 * 1024 * 1024
# A character of an error may need six bytes as JSON.
_ESCAPED = 6

_encode = msgspec.json.Encoder().encode


class Batch:
    """Kept until it is acknowledged: after a lost answer exactly the same items go again."""

    __slots__ = ("_bytes", "_room", "done", "release", "retry", "said")

    def __init__(self, desk: Desk, now: float):
        self._room, self._bytes = _ITEMS, 0
        self.done = self._take(desk.done)
        self.retry = self._take(desk.retry)
        self.release = self._take(desk.release)
        # After the ends: whatever these runs said before they ended is there by now.
        self.said = self._take_notes(desk, now) if desk.books.any() else None

    def __bool__(self) -> bool:
        return bool(self.said or len(self))

    def __len__(self) -> int:
        return len(self.done) + len(self.retry) + len(self.release)

    def ids(self) -> list[int]:
        return [item[0] for items in (self.done, self.retry, self.release) for item in items]

    def params(self, started: list[Key]) -> list[bytes | None]:
        """_done, _claims, _results, _failures, _retry, _release, _notes."""
        said = self.said
        if started:
            said = Said(said.notes, said.progress, started) if said else Said(started=started)
        return [
            *self._columns(),
            *(_encode(items) if items else None for items in (self.retry, self.release, said)),
        ]

    def _take_notes(self, desk: Desk, now: float) -> Said:
        """An end whose run has more to say than fits waits for the next exchange."""
        ends = (self.done, desk.done), (self.retry, desk.retry), (self.release, desk.release)
        said = desk.books.take(now, [item[:2] for items, _ in ends for item in items])
        for items, queue in ends:
            waits = [desk.books.unread(item[:2]) for item in items]
            queue.extendleft(reversed(list(compress(items, waits))))
            items[:] = [item for item, wait in zip(items, waits, strict=True) if not wait]
        return said

    def _columns(self) -> list[bytes | None]:
        """Ends as arrays of equal length: a third cheaper for the database than an item each."""
        if not self.done:
            return [None] * 4
        ids, claims, results, failures = zip(*self.done, strict=True)
        return [_array(ids), _array(claims), _texts(results), _texts(failures)]

    def _take(self, queue: deque[Item]) -> list[Item]:
        """Only this thread takes from the front, so what is counted is there."""
        taken = [queue.popleft() for _ in range(min(len(queue), self._room))]
        for number, item in enumerate(taken):
            if any(item[2:]):
                self._bytes += _weight(item)
                if self._bytes > _BYTES:
                    queue.extendleft(reversed(taken[number + 1 :]))
                    del taken[number + 1 :]
                    break
        self._room -= len(taken)
        return taken


def _array(items: Sequence[Any]) -> bytes:
    """PostgreSQL's text form, of numbers or of what has no control characters."""
    return b"{" + _encode(items)[1:-1] + b"}"


def _texts(items: Sequence[bytes | None]) -> bytes | None:
    """An array of JSON texts; None where there is none at all.

    Encoded as JSON again, since a JSON text has no control characters: what is left to escape is the quote
    and the backslash, and these JSON escapes as PostgreSQL does.
    """
    if not any(items):
        return None
    return _array([None if item is None else item.decode() for item in items])


def _weight(item: Item) -> int:
    weight = 0
    for part in item[2:]:
        if isinstance(part, str):
            weight += len(part) * _ESCAPED
        elif isinstance(part, bytes):
            weight += len(part)
    return weight
