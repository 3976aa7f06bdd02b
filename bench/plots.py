"""The figures as bars: small SVGs, text as text, legible on a light and on a dark page."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from bench.report import number
from bench.rows import OURS, Entrant, Row

# File -> its rows (workload, metric), a panel each; they share one scale.
PLOTS: dict[str, Sequence[tuple[str, str]]] = {
    "drain": [("drain-1", "rate"), ("drain-2", "rate")],
    "enqueue": [("enqueue-single", "rate"), ("http-8", "rate"), ("http-64", "rate")],
    "bulk": [("enqueue-bulk", "rate")],
    "pickup": [("pickup", "p50"), ("pickup", "p99")],
    "sustained": [("sustained", "rate")],
    "backlog": [("backlog", "rate_20k"), ("backlog", "rate_1m"), ("backlog", "rate_5m")],
    "snapshot": [("snapshot", "control_rate"), ("snapshot", "held_rate")],
}
WIDTH, LINE, HEADING, GAP = 720, 22, 30, 18
LABELS, VALUES = 190, 80  # the room left and right of the bars
COLOURS = {"ours": "#2f81f7", "others": "#8c959f", "ceiling": "#c9a227", "text": "#7a828c"}
STYLE = f"font-family='system-ui, sans-serif' font-size='13' fill='{COLOURS['text']}'"


def write(folder: Path, rows: Sequence[Row], entered: Mapping[str, Entrant]) -> None:
    """One file per plot that has something to show."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {(row.workload, row.metric.key): row for row in rows}
    for name, keys in PLOTS.items():
        panels = [found[key] for key in keys if key in found]
        if panels:
            (folder / f"{name}.svg").write_text(svg(panels, entered))


def svg(panels: Sequence[Row], entered: Mapping[str, Entrant]) -> str:
    """One panel below the other."""
    most = max(value for row in panels for value in row.values.values()) or 1.0
    lines: list[str] = []
    top = 0
    for row in panels:
        lines += [_heading(row, top), *_bars(row, entered, most, top + HEADING)]
        top += HEADING + LINE * len(row.values) + GAP
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {top - GAP + 4}' {STYLE}>"
    return "\n".join([head, *lines, "</svg>"]) + "\n"


def _heading(row: Row, top: int) -> str:
    unit = row.metric.unit if row.metric.higher_is_better else f"{row.metric.unit}, less is better"
    return f"<text y='{top + 16}' font-weight='600'>{escape(row.metric.title)} ({unit})</text>"


def _bars(row: Row, entered: Mapping[str, Entrant], most: float, top: int) -> Iterator[str]:
    for place, entrant in enumerate(entered[name] for name in entered if name in row.values):
        value = row.values[entrant.name]
        width = max(1.0, value / most * (WIDTH - LABELS - VALUES))
        yield _bar(entrant, number(value, row.metric.digits), width, top + place * LINE)


def _bar(entrant: Entrant, value: str, width: float, top: int) -> str:
    base = top + LINE // 2 + 4
    name = f"{entrant.name} (no queue)" if entrant.ceiling else entrant.name
    box = f"x='{LABELS}' y='{top + 3}' width='{width:.1f}' height='{LINE - 6}' rx='2'"
    return (
        f"<text x='{LABELS - 10}' y='{base}' text-anchor='end'>{escape(name)}</text>"
        f"<rect {box} fill='{_colour(entrant)}'/>"
        f"<text x='{LABELS + width + 6:.1f}' y='{base}'>{value}</text>"
    )


def _colour(entrant: Entrant) -> str:
    return COLOURS["ceiling" if entrant.ceiling else "ours" if entrant.name == OURS else "others"]
