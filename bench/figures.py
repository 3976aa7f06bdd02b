"""Numbers: medians, percentiles, and what is expected of a metric."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import median

Sample = dict[str, float]
"""Metric key -> value, of one run of one workload on one peer."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table, and what is expected of onewriter in it, if anything.

    `times`: how many times better than the best other queue; with `against`, than that workload's figure of
    the same key. `least`, `most`: what it may be. `of_ceiling` adds a row: at least that share of it.
    A metric in x is a ratio itself and is compared with nobody.
    """

    key: str
    title: str
    unit: str
    higher_is_better: bool = True
    times: float | None = None
    least: float | None = None
    most: float | None = None
    against: str | None = None
    of_ceiling: float | None = None
    digits: int = 0

    def share_of_ceiling(self) -> "Metric":
        return Metric(
            f"{self.key}_of_ceiling", f"{self.title}: of the ceiling", "x", least=self.of_ceiling, digits=2
        )

    def best(self, values: Collection[float]) -> float | None:
        if not values:
            return None
        return max(values) if self.higher_is_better else min(values)

    def expectation(self) -> str:
        if self.times is not None:
            return f">= {self.times:g}x {self.against or ''}".strip()
        if self.least is not None:
            return f">= {self.least:g}"
        return "" if self.most is None else f"<= {self.most:g}" if self.most else "0"


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank; raises ValueError for no values."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def medians(samples: Sequence[Sample]) -> Sample:
    """Metric by metric; one that a run lacks counts the runs that have it."""
    keys = dict.fromkeys(key for sample in samples for key in sample)
    return {key: median(sample[key] for sample in samples if key in sample) for key in keys}


def times_better(metric: Metric, ours: float, theirs: Sequence[float]) -> float | None:
    """Against the best of the others; None where there is nothing to compare or nothing to divide by."""
    best = metric.best(theirs)
    if best is None or metric.unit == "x":
        return None
    above, below = (ours, best) if metric.higher_is_better else (best, ours)
    return above / below if below else None


def is_met(metric: Metric, ours: float, ratio: float | None) -> bool | None:
    """None where nothing is expected or nothing can be compared."""
    if metric.most is not None:
        return ours <= metric.most
    if metric.least is not None:
        return ours >= metric.least
    if metric.times is None or ratio is None:
        return None
    return ratio >= metric.times
