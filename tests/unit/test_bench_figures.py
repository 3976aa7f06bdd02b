"""Medians, percentiles, ratios and verdicts of the benchmark."""

import pytest

from bench.figures import Metric, is_met, medians, percentile, times_better

RATE = Metric("rate", "drain", "jobs/s", times=70)
DELAY = Metric("p50", "pickup", "ms", higher_is_better=False)
SHARE = Metric("share", "held : control", "x", least=0.85)
IDLE = Metric("api", "idle", "statements/min", higher_is_better=False, most=0)


def test_medians_are_taken_metric_by_metric() -> None:
    assert medians([{"a": 1, "b": 9}, {"a": 3}, {"a": 2, "b": 5}]) == {"a": 2, "b": 7}
    assert medians([]) == {}


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (0.5, 1)])
def test_a_percentile_is_a_value_that_was_seen(percent: float, expected: int) -> None:
    assert percentile(range(1, 101), percent) == expected


def test_a_percentile_of_few_or_no_values() -> None:
    assert percentile([7.0], 99) == 7.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_better_is_more_of_a_rate_and_less_of_a_delay_than_the_best_of_the_others() -> None:
    assert times_better(RATE, 1000, [10, 20]) == 50
    assert times_better(DELAY, 2, [10, 20]) == 5
    assert times_better(RATE, 1000, []) is None
    assert times_better(DELAY, 0, [10]) is None
    assert times_better(SHARE, 0.9, [0.3]) is None


def test_a_verdict_needs_an_expectation_and_something_to_compare() -> None:
    assert is_met(RATE, 1000, 70.0) is True
    assert is_met(RATE, 1000, 69.9) is False
    assert is_met(RATE, 1000, None) is None
    assert is_met(DELAY, 1, 2.0) is None
    assert (is_met(SHARE, 0.85, None), is_met(SHARE, 0.84, None)) == (True, False)
    assert is_met(IDLE, 0, None) is True
    assert is_met(IDLE, 1, None) is False


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (RATE, ">= 70x"),
        (Metric("rate", "HTTP", "requests/s", times=3, against="enqueue-single"), ">= 3x enqueue-single"),
        (SHARE, ">= 0.85"),
        (Metric("cost", "5m : 20k", "x", most=1.1), "<= 1.1"),
        (IDLE, "0"),
        (DELAY, ""),
    ],
)
def test_an_expectation_in_words(metric: Metric, expected: str) -> None:
    assert metric.expectation() == expected
