"""What the tasks themselves count, in shared memory: neither the clock nor the count asks the database.

Each worker process writes to a slot of its own; the benchmark reads all of them.
"""

import mmap
import os
import time
from pathlib import Path

PATH, SLOT = "BENCH_TALLY", "BENCH_SLOT"
SLOTS, LATENCIES = 16, 1024
_WIDTH = 8  # of a number, in bytes
_COUNT, _LAST = 0, 1
_FIELDS = 2


class Tally:
    """A file of numbers: per slot the jobs run and when the last one ended; then latencies in ns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        size = (SLOTS * _FIELDS + LATENCIES) * _WIDTH
        if not path.exists():
            path.write_bytes(bytes(size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), size)
        self._numbers = memoryview(self._map).cast("q")

    def environment(self, slot: int) -> dict[str, str]:
        """What a worker process needs to find its slot."""
        return {PATH: str(self.path), SLOT: str(slot)}

    def clear(self) -> None:
        for index in range(len(self._numbers)):
            self._numbers[index] = 0

    def count(self, slot: int) -> None:
        self._numbers[slot * _FIELDS + _COUNT] += 1
        self._numbers[slot * _FIELDS + _LAST] = time.monotonic_ns()

    def note_latency(self, number: int, nanoseconds: int) -> None:
        self._numbers[SLOTS * _FIELDS + number] = nanoseconds

    def per_slot(self, slots: int) -> list[int]:
        """Jobs that each of the first `slots` processes has run."""
        return [self._numbers[slot * _FIELDS + _COUNT] for slot in range(slots)]

    def total(self) -> int:
        return sum(self.per_slot(SLOTS))

    def last(self) -> int:
        """When the last job ended, on the clock of time.monotonic_ns."""
        return max(self._numbers[slot * _FIELDS + _LAST] for slot in range(SLOTS))

    def latencies(self, count: int) -> list[int]:
        """Nanoseconds; 0 stands for one that never came."""
        start = SLOTS * _FIELDS
        return list(self._numbers[start : start + count])


def mine() -> tuple[Tally, int]:
    """This worker process's tally and slot."""
    return Tally(Path(os.environ[PATH])), int(os.environ[SLOT])
