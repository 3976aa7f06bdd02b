"""What commands print: a plain table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
import rich_click as click

Command = TypeVar("Command", bound=Callable[..., Any])
_WIDEST = 60


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def show_rows(rows: Iterable[Any], columns: Sequence[str], *, as_json: bool) -> None:
    """Rows (mappings or dataclasses) as an aligned table of `columns`, or as a JSON array of everything."""
    records = [asdict(row) if is_dataclass(row) and not isinstance(row, type) else dict(row) for row in rows]
    if as_json:
        show_json(records)
    else:
        _show_table([[_cell(record.get(column)) for column in columns] for record in records], columns)


def show_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=_encode), indent=2).decode())


def show_fields(record: dict[str, Any]) -> None:
    """One thing, a line per field that has a value."""
    width = max(map(len, record))
    for name, value in record.items():
        if value is not None:
            click.echo(f"{name:<{width}}  {_text(value)}")


def _show_table(cells: list[list[str]], columns: Sequence[str]) -> None:
    lines = [list(columns), *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    text = _text(value).replace("\n", " ")
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone().isoformat(sep=" ", timespec="seconds")
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value, enc_hook=_encode).decode()
    return str(value)


def _encode(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)
