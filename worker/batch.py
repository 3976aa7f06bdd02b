"""What one exchange carries to the database: at most 1,000 items and well under 8 MB."""

from __future__ import annotations

from collections import deque

import msgspec

from worker.desk import Desk, Item

_ITEMS = 1_000
_BYTES = 6 * 1024 * 1024
# A character of an error may need six bytes as JSON.
_ESCAPED = 6

_encode = msgspec.json.Encoder().encode


class Batch:
    """Kept until it is acknowledged: after a lost answer exactly the same items go again."""

    __slots__ = ("_bytes", "_room", "done", "release", "retry")

    def __init__(self, desk: Desk):
        self._room, self._bytes = _ITEMS, 0
        self.done = self._take(desk.done)
        self.retry = self._take(desk.retry)
        self.release = self._take(desk.release)

    def __len__(self) -> int:
        return len(self.done) + len(self.retry) + len(self.release)

    def ids(self) -> list[int]:
        return [item[0] for items in (self.done, self.retry, self.release) for item in items]

    def texts(self) -> list[bytes | None]:
        """The parameters _done, _retry, _release."""
        return [_encode(items) if items else None for items in (self.done, self.retry, self.release)]

    def _take(self, queue: deque[Item]) -> list[Item]:
        """Only this thread takes from the front, so what is counted is there."""
        taken = [queue.popleft() for _ in range(min(len(queue), self._room))]
        for number, item in enumerate(taken):
            if item[3:4] and (item[3] is not None or item[4] is not None):
                self._bytes += _weight(item)
                if self._bytes > _BYTES:
                    queue.extendleft(reversed(taken[number + 1 :]))
                    del taken[number + 1 :]
                    break
        self._room -= len(taken)
        return taken


def _weight(item: Item) -> int:
    weight = 0
    for part in item[3:]:
        if isinstance(part, str):
            weight += len(part) * _ESCAPED
        elif isinstance(part, msgspec.Raw):
            weight += len(memoryview(part))
    return weight
