"""What the functions in sql/ really write and call, by PostgreSQL's own parser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pglast import ast, parse_plpgsql, parse_sql
from pglast.enums import A_Expr_Kind, OnConflictAction
from pglast.visitors import Visitor

from app.schema.ownership import ROWS_DELETED, Column
from app.schema.sqlfiles import SqlFile

JOBS = "procrastinate.procrastinate_jobs"
DYNAMIC = ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors", "dynquery")
# How plpgsql hands its expressions to the parser (RawParseMode).
STATEMENT, TYPE, EXPRESSION, ASSIGNMENTS = 0, 1, 2, {3, 4, 5}


@dataclass(frozen=True)
class Names:
    """The relations and functions there are, so that a bare name finds its schema as the server would."""

    relations: frozenset[str]
    functions: frozenset[str]


@dataclass
class Parsed:
    """`banned` says what the parser of tests cannot follow, and nobody may write."""

    writes: set[Column] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    banned: list[str] = field(default_factory=list)
    status_before: set[str] = field(default_factory=set)
    status_after: set[str] = field(default_factory=set)


def parse_function(file: SqlFile, names: Names) -> Parsed:
    parsed = Parsed()
    for statement in parse_sql(file.text):
        if isinstance(statement.stmt, ast.CreateFunctionStmt):
            _Function(file, statement.stmt, names, parsed).read()
    return parsed


class _Function:
    def __init__(self, file: SqlFile, stmt: ast.CreateFunctionStmt, names: Names, parsed: Parsed) -> None:
        self.file, self.stmt, self.parsed = file, stmt, parsed
        self.options = {
            option.defname: option.arg for option in stmt.options or () if option.defname != "set"
        }
        self.scope = _Scope(names, self._search_path())

    def read(self) -> None:
        language = self.options["language"].sval
        if language == "plpgsql":
            self._read_plpgsql()
        elif language == "sql":
            body = self.stmt.sql_body or self.options["as"][0].sval
            self._visit(parse_sql(body) if isinstance(body, str) else body)
        else:
            self.parsed.banned.append(f"language {language}")

    def _read_plpgsql(self) -> None:
        create = re.search(r"create .*?\$\$.*?\$\$;", self.file.text, re.IGNORECASE | re.DOTALL)
        assert create is not None, self.file.qualified
        tree = parse_plpgsql(create[0])
        self.parsed.banned += [f"dynamic SQL: {key}" for key, _ in _pairs(tree) if key in DYNAMIC]
        for query, mode in _queries(tree):
            if mode in ASSIGNMENTS:
                target, value = query.split(":=", 1) if ":=" in query else query.split("=", 1)
                self._visit(parse_sql(f"select {value}"), f"{target} := {value}")
            elif mode != TYPE:
                self._visit(parse_sql(query if mode == STATEMENT else f"select {query}"))

    def _visit(self, tree: Any, _source: str = "") -> None:
        _Writes(self.scope, self.parsed)(tree)

    def _search_path(self) -> list[str]:
        for option in self.stmt.options or ():
            if option.defname == "set" and option.arg.name == "search_path":
                return [argument.val.sval for argument in option.arg.args]
        return []


class _Scope:
    def __init__(self, names: Names, path: list[str]) -> None:
        self._names, self._path = names, path

    def relation(self, node: ast.RangeVar) -> str | None:
        return self._find(node.schemaname, node.relname, self._names.relations)

    def function(self, parts: tuple[Any, ...]) -> str | None:
        words = [part.sval for part in parts]
        return self._find(words[-2] if len(words) > 1 else None, words[-1], self._names.functions)

    def _find(self, schema: str | None, name: str, known: frozenset[str]) -> str | None:
        candidates = [f"{s}.{name}" for s in ([schema] if schema else self._path)]
        return next((candidate for candidate in candidates if candidate in known), None)


class _Writes(Visitor):
    def __init__(self, scope: _Scope, parsed: Parsed) -> None:
        super().__init__()
        self.scope, self.parsed = scope, parsed

    def visit_InsertStmt(self, _: Any, node: ast.InsertStmt) -> None:  # noqa: N802 (pglast's names)
        table = self._table(node.relation)
        if not node.cols:
            self.parsed.banned.append(f"insert into {table} without a column list")
        self._columns(table, node.cols or ())
        conflict = node.onConflictClause
        if conflict is not None and conflict.action == OnConflictAction.ONCONFLICT_UPDATE:
            self._columns(table, conflict.targetList)
        if table == JOBS:
            self.parsed.status_before.add("new")
            self.parsed.status_after.add("todo")

    def visit_UpdateStmt(self, _: Any, node: ast.UpdateStmt) -> None:  # noqa: N802
        table = self._table(node.relation)
        self._columns(table, node.targetList)
        for target in node.targetList:
            if table == JOBS and target.name == "status":
                self.parsed.status_after |= set(_strings(target.val))
                self.parsed.status_before |= _status_tests(node.whereClause)

    def visit_DeleteStmt(self, _: Any, node: ast.DeleteStmt) -> None:  # noqa: N802
        table = self._table(node.relation)
        self.parsed.writes.add(Column(table, ROWS_DELETED))
        if table == JOBS:
            self.parsed.status_before |= _status_tests(node.whereClause)
            self.parsed.status_after.add("gone")

    def visit_MergeStmt(self, _: Any, node: ast.MergeStmt) -> None:  # noqa: N802
        self.parsed.banned.append(f"merge into {self._table(node.relation)}")

    def visit_TruncateStmt(self, _: Any, node: ast.TruncateStmt) -> None:  # noqa: ARG002, N802
        self.parsed.banned.append("truncate")

    def visit_FuncCall(self, _: Any, node: ast.FuncCall) -> None:  # noqa: N802
        name = self.scope.function(node.funcname)
        if name is not None:
            self.parsed.calls.add(name)

    def _table(self, node: ast.RangeVar) -> str:
        return self.scope.relation(node) or f"?.{node.relname}"

    def _columns(self, table: str, targets: Any) -> None:
        self.parsed.writes |= {Column(table, target.name) for target in targets}


def _status_tests(where: Any) -> set[str]:
    """The constants that the statement compares a column `status` with."""
    found: set[str] = set()

    class Tests(Visitor):
        def visit_A_Expr(self, _: Any, node: ast.A_Expr) -> None:  # noqa: N802
            column = node.lexpr.fields[-1] if isinstance(node.lexpr, ast.ColumnRef) else None
            same = node.name[0].sval == "=" and node.kind in {A_Expr_Kind.AEXPR_OP, A_Expr_Kind.AEXPR_IN}
            if same and isinstance(column, ast.String) and column.sval == "status":
                found.update(_strings(node.rexpr))

    if where is not None:
        Tests()(where)
    return found


def _strings(node: Any) -> Iterator[str]:
    """Constants in an expression."""
    found: list[str] = []

    class Constants(Visitor):
        def visit_A_Const(self, _: Any, node: ast.A_Const) -> None:  # noqa: N802
            if isinstance(node.val, ast.String):
                found.append(str(node.val.sval))

    for part in node if isinstance(node, tuple) else (node,):
        Constants()(part)
    yield from found


def _pairs(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield key, value
            yield from _pairs(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _pairs(value)


def _queries(tree: Any) -> Iterator[tuple[str, int]]:
    for key, value in _pairs(tree):
        if key == "PLpgSQL_expr":
            yield value["query"], value.get("parseMode", STATEMENT)
