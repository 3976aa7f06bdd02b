"""From results to a table (Markdown that a console can show as it is) and to JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from bench.figures import Metric, Sample, is_met, medians, times_better
from bench.runner import Result

OURS = "onewriter"
HEAD = ("ratio", "expected")
VERDICTS = {True: "met", False: "MISSED", None: ""}


@dataclass(frozen=True, slots=True)
class Row:
    """One metric: a value per peer that has one, how many times better ours is, what was expected."""

    metric: Metric
    values: Sample
    ratio: float | None
    met: bool | None


def rows(result: Result) -> list[Row]:
    """Metrics that nobody could measure are left out."""
    found = {peer: medians(samples) for peer, samples in result.samples.items()}
    return [
        _row(metric, found)
        for metric in result.workload.metrics
        if any(metric.key in s for s in found.values())
    ]


def _row(metric: Metric, found: dict[str, Sample]) -> Row:
    values = {peer: sample[metric.key] for peer, sample in found.items() if metric.key in sample}
    others = [value for peer, value in values.items() if peer != OURS]
    ours = values.get(OURS)
    ratio = None if ours is None else times_better(metric, ours, others)
    return Row(metric, values, ratio, None if ours is None else is_met(metric, ours, ratio))


def table(results: Sequence[Result], peers: Sequence[str]) -> str:
    """Columns padded; figures are medians."""
    head = ["", *peers, *HEAD]
    body = [_cells(row, peers) for result in results for row in rows(result)]
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in [head, rule, *body])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cells[0].ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)),
    ]
    return f"| {' | '.join(padded)} |"


def _cells(row: Row, peers: Sequence[str]) -> list[str]:
    metric = row.metric
    values = [number(row.values.get(peer), metric.digits) for peer in peers]
    ratio = "" if row.ratio is None else f"{number(row.ratio, 1 if row.ratio < 100 else 0)}x"
    return [
        f"{metric.title} ({metric.unit})",
        *values,
        ratio,
        f"{expectation(metric)} {VERDICTS[row.met]}".strip(),
    ]


def expectation(metric: Metric) -> str:
    if metric.times is not None:
        return f">= {metric.times:g}x"
    return "" if metric.most is None else f"<= {metric.most:g}" if metric.most else "0"


def number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def document(
    results: Sequence[Result], machine: dict[str, Any], peers: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """The JSON: every run of every metric, keys stable."""
    return {
        "benchmark": 1,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "peers": peers,
        "results": [_entry(result, row) for result in results for row in rows(result)],
        "problems": [problem for result in results for problem in result.problems],
    }


def _entry(result: Result, row: Row) -> dict[str, Any]:
    metric = row.metric
    return {
        "workload": result.workload.name,
        "metric": metric.key,
        "title": metric.title,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "peers": {peer: _runs(result.samples[peer], metric.key) for peer in row.values},
        "ratio": row.ratio,
        "expected": expectation(metric) or None,
        "met": row.met,
    }


def _runs(samples: Sequence[Sample], key: str) -> dict[str, Any]:
    runs = [sample[key] for sample in samples if key in sample]
    return {"median": median(runs), "runs": runs}
