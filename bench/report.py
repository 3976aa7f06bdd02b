"""From rows to tables (Markdown that a console can show as it is) and to JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bench.figures import Sample
from bench.rows import Entrant, Row, all_rows
from bench.runner import Result

HEAD = ("ratio", "expected")
VERDICTS = {True: "met", False: "MISSED", None: ""}

Entered = Mapping[str, Entrant]


def summary(results: Sequence[Result], entered: Entered) -> str:
    """What something is expected of, a column per queue: the figure of its better mode."""
    columns = list(dict.fromkeys(each.queue for each in entered.values() if not each.ceiling))
    found = [row for row in all_rows(results, entered) if row.metric.expectation()]
    return _table(columns, [_cells(row, _of_queues(row, columns, entered)) for row in found])


def table(results: Sequence[Result], entered: Entered) -> str:
    """Every row, a column per peer; figures are medians."""
    return _table(list(entered), [_cells(row, _of_peers(row, entered)) for row in all_rows(results, entered)])


def _of_peers(row: Row, entered: Entered) -> list[str]:
    return [number(row.values.get(name), row.metric.digits) for name in entered]


def _of_queues(row: Row, queues: Sequence[str], entered: Entered) -> list[str]:
    return [_better_mode(row, [each for each in entered.values() if each.queue == queue]) for queue in queues]


def _better_mode(row: Row, modes: Sequence[Entrant]) -> str:
    """Named where it is not the one with the queue's own name."""
    values = {mode.mode: row.values[mode.name] for mode in modes if mode.name in row.values}
    best = row.metric.best(values.values())
    name = next((mode for mode, value in values.items() if value == best), "")
    return number(best, row.metric.digits) + (f" ({name})" if name else "")


def _table(columns: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Padded."""
    head = ["", *columns, *HEAD]
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in [head, rule, *body])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cells[0].ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)),
    ]
    return f"| {' | '.join(padded)} |"


def _cells(row: Row, values: Sequence[str]) -> list[str]:
    metric = row.metric
    unit = "" if metric.unit == "x" else f" ({metric.unit})"
    expected = f"{metric.expectation()} {VERDICTS[row.met]}".strip()
    return [metric.title + unit, *values, times(row.ratio), expected]


def number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def times(ratio: float | None) -> str:
    """Three digits or so: 1.08x, 23.5x, 154x."""
    if ratio is None:
        return ""
    return number(ratio, 2 if ratio < 10 else 1 if ratio < 100 else 0) + "x"


def document(results: Sequence[Result], machine: dict[str, Any], entered: Entered) -> dict[str, Any]:
    """The JSON: every run of every metric, keys stable."""
    runs = {result.workload.name: result.samples for result in results}
    return {
        "benchmark": 1,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "peers": {name: asdict(each) for name, each in entered.items()},
        "results": [_entry(row, runs[row.workload]) for row in all_rows(results, entered)],
        "problems": [problem for result in results for problem in result.problems],
    }


def _entry(row: Row, samples: Mapping[str, Sequence[Sample]]) -> dict[str, Any]:
    metric = row.metric
    return {
        "workload": row.workload,
        "metric": metric.key,
        "title": metric.title,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "peers": {
            peer: {"median": row.values[peer], **_runs(samples[peer], metric.key)} for peer in row.values
        },
        "ratio": row.ratio,
        "expected": metric.expectation() or None,
        "met": row.met,
    }


def _runs(samples: Sequence[Sample], key: str) -> dict[str, list[float]]:
    """Nothing for a share of the ceiling, which is one of medians."""
    runs = [sample[key] for sample in samples if key in sample]
    return {"runs": runs} if runs else {}
