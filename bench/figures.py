"""Numbers: medians, percentiles, and what is expected of a metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

Sample = dict[str, float]
"""Metric key -> value, of one run of one workload on one peer."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table. `times` is how many times better than the best other peer onewriter should be,

    `most` what it should stay below; one of them or none.
    """

    key: str
    title: str
    unit: str
    higher_is_better: bool = True
    times: float | None = None
    most: float | None = None
    digits: int = 0


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
    if not theirs:
        return None
    best = max(theirs) if metric.higher_is_better else min(theirs)
    above, below = (ours, best) if metric.higher_is_better else (best, ours)
    return above / below if below else None


def is_met(metric: Metric, ours: float, ratio: float | None) -> bool | None:
    """None where nothing is expected or nothing can be compared."""
    if metric.most is not None:
        return ours <= metric.most
    if metric.times is None or ratio is None:
        return None
    return ratio >= metric.times
