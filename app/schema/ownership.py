"""Who writes what, by the headers in sql/: every column its functions, every transition of status its one.

That the headers tell the truth is a test: it parses each function's body and compares. So this needs no
parser at run time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from app.schema.sqlfiles import ContractError, SqlFile

ROWS_DELETED = "(rows deleted)"
INTERNAL = "internal"

_COMMA = re.compile(r",(?![^(]*\))")  # not inside brackets
_COLUMN = re.compile(r"(?:(\w+\.\w+))?\.(\w+)")
_DELETES = re.compile(r"(\w+\.\w+) \(deletes\b.*\)")
_MOVE = re.compile(r"([\w|]+) -> ([\w|]+)")


@dataclass(frozen=True, order=True)
class Column:
    """`table` with its schema; `name` is a column, or ROWS_DELETED."""

    table: str
    name: str


@dataclass(frozen=True)
class Ownership:
    """A column, the functions that write it, and the roles that reach one of them by calls."""

    table: str
    column: str
    written_by: tuple[str, ...]
    callers: tuple[str, ...]


@dataclass(frozen=True)
class Transition:
    """A change of procrastinate_jobs.status and the function that makes it."""

    before: str
    after: str
    made_by: tuple[str, ...]


def columns_written(file: SqlFile) -> frozenset[Column]:
    """`Writes:` as columns; ".b" after "schema.table.a" is of the same table. Raises ContractError."""
    found: set[Column] = set()
    table = None
    for item in map(str.strip, _COMMA.split(file.fields.get("Writes", "nothing"))):
        deletes, column = _DELETES.fullmatch(item), _COLUMN.fullmatch(item)
        if deletes:
            table = deletes[1]
            found.add(Column(table, ROWS_DELETED))
        elif column and (column[1] or table):
            table = column[1] or table
            found.add(Column(str(table), column[2]))
        elif item != "nothing":
            raise ContractError(f"{file.qualified}: 'Writes: {item}' is no schema.table.column")
    return frozenset(found)


def moves(file: SqlFile) -> frozenset[tuple[str, str]]:
    """`Moves:` as (from, to) pairs; "a|b -> c" is two. Raises ContractError."""
    pairs: set[tuple[str, str]] = set()
    for item in file.listed("Moves"):
        match = _MOVE.fullmatch(item)
        if match is None:
            raise ContractError(f"{file.qualified}: 'Moves: {item}' is no 'from -> to'")
        pairs |= {(before, after) for before in match[1].split("|") for after in match[2].split("|")}
    return frozenset(pairs)


def ownership(files: Iterable[SqlFile]) -> list[Ownership]:
    """Every column that anything writes, by table and name."""
    functions = {file.qualified: file for file in files if not file.is_view}
    writers: dict[Column, list[str]] = defaultdict(list)
    for name, file in sorted(functions.items()):
        for column in columns_written(file):
            writers[column].append(name)
    return [
        Ownership(column.table, column.name, tuple(names), _callers(names, functions))
        for column, names in sorted(writers.items())
    ]


def transitions(files: Iterable[SqlFile]) -> list[Transition]:
    makers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in files:
        for move in moves(file):
            makers[move].append(file.qualified)
    return [Transition(*move, tuple(sorted(names))) for move, names in sorted(makers.items())]


def _callers(names: Iterable[str], functions: dict[str, SqlFile]) -> tuple[str, ...]:
    reached, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [caller for caller, file in functions.items() if name in file.listed("Calls")]
    roles = {role for name in reached for role in functions[name].listed("Caller")}
    return tuple(sorted(roles - {INTERNAL}))
