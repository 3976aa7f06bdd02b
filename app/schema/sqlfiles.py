"""sql/ read: each file's header (caller, writes, calls, moves, raises) and its statements."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from app.schema.paths import SQL
from app.schema.roles import SCHEMAS

FIELDS = ("Caller", "Writes", "Calls", "Moves", "Raises")
NOTHING = "nothing"

_FIELD = re.compile(rf"({'|'.join(FIELDS)}):\s*(.*)")
_VIEW = re.compile(r"^create\s+(or\s+replace\s+)?view\b", re.IGNORECASE | re.MULTILINE)


class ContractError(ValueError):
    """A file in sql/ doesn't have the shape that the applier reads."""


@dataclass(frozen=True)
class SqlFile:
    """One object of the contract; `sentence` and `fields` come from the comment lines on top."""

    schema: str
    name: str
    sentence: str
    fields: dict[str, str]
    text: str
    path: Path = field(compare=False)

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"

    @cached_property
    def is_view(self) -> bool:
        return _VIEW.search(self.text) is not None

    @property
    def comment(self) -> str:
        return "\n".join([self.sentence, *(f"{name}: {text}" for name, text in self.fields.items())])

    def listed(self, name: str) -> tuple[str, ...]:
        """A comma-separated field; "nothing" and a missing one are empty."""
        items = (item.strip() for item in self.fields.get(name, NOTHING).split(","))
        return tuple(item for item in items if item and item != NOTHING)


def read_contract(folder: Path = SQL) -> list[SqlFile]:
    """Every object's file, by schema and name. grants.sql is not among them."""
    return [read_file(path) for schema in SCHEMAS for path in sorted((folder / schema).glob("*.sql"))]


def read_grants(folder: Path = SQL) -> str:
    return (folder / "grants.sql").read_text(encoding="utf-8")


def read_file(path: Path) -> SqlFile:
    text = path.read_text(encoding="utf-8")
    schema, name = path.parent.name, path.stem
    sentence, fields = parse_header(text)
    if not sentence.startswith(f"{schema}.{name}: "):
        raise ContractError(f"{path.name}: the first line must be '-- {schema}.{name}: what it does'")
    return SqlFile(schema, name, sentence.split(": ", 1)[1], fields, text, path)


def parse_header(text: str) -> tuple[str, dict[str, str]]:
    """The leading comment lines; one without a field's name goes on with the line above it."""
    sentence: list[str] = []
    fields: dict[str, list[str]] = {}
    current = sentence
    for line in _leading_comments(text.splitlines()):
        match = _FIELD.match(line)
        if match:
            current = fields.setdefault(match[1], [])
        current.append(match[2].strip() if match else line)
    return " ".join(sentence), {name: " ".join(lines) for name, lines in fields.items()}


def in_view_order(files: Iterable[SqlFile]) -> list[SqlFile]:
    """Views after the views that they name."""
    waiting = {file.qualified: file for file in files if file.is_view}
    ordered: list[SqlFile] = []
    while waiting:
        free = [f for f in waiting.values() if not any(_names(f, o) for o in waiting.values() if o is not f)]
        if not free:
            raise ContractError(f"these views name each other: {', '.join(sorted(waiting))}")
        ordered += free
        waiting = {name: f for name, f in waiting.items() if f not in free}
    return ordered


def _names(file: SqlFile, other: SqlFile) -> bool:
    body = "\n".join(line for line in file.text.splitlines() if not line.lstrip().startswith("--"))
    return re.search(rf"\b{re.escape(other.qualified)}\b", body) is not None


def _leading_comments(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        if not line.startswith("--"):
            return
        yield line.removeprefix("--").strip()
