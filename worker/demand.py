"""How many jobs to ask for: free slots, and for short tasks what ends within two round trips."""

from __future__ import annotations

# Above this mean a prefetched job would wait where another worker could run it.
SHORT = 0.1


class Demand:
    """Rates are moving means; the seed says "long", so that nothing is prefetched before it is known."""

    def __init__(self, most: int):
        self._most = most
        self._mean = 1.0
        self._trip = 0.0
        self._rate = 0.0
        self._ended = 0
        self._busy = 0.0
        self._at = 0.0

    def observe(self, now: float, trip: float, ended: int, busy: float) -> None:
        """After an exchange: its round trip, and the loop's counters of ended jobs and their seconds."""
        count, seconds, passed = ended - self._ended, busy - self._busy, now - self._at
        self._ended, self._busy, self._at = ended, busy, now
        self._trip += (trip - self._trip) * 0.3 if self._trip else trip
        self._rate += (count / max(passed, 1e-4) - self._rate) * 0.5
        if count:
            self._mean += (seconds / count - self._mean) * min(1.0, count / 20)

    def prefetch(self) -> int:
        if self._mean > SHORT:
            return 0
        return min(self._most, int(2 * self._trip * self._rate))
