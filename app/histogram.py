"""How often which size: plain numbers, for paths that have no time for more."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """`counts[i]` is of values up to `bounds[i]`, the last of what is larger; a value is in one of them."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulated, as Prometheus wants them: [upper bound, count up to it]."""
        total, rows = 0, []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            total += count
            rows.append((bound, float(total)))
        return rows
