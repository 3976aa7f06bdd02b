"""Who writes which column of the example's board: one place each."""

import ast
import re
from collections import defaultdict
from pathlib import Path

from tests.support.processes import ROOT

FOLDER = ROOT / "examples" / "kanban"
WRITE = re.compile(r"\b(insert into|update|delete from|truncate) kanban\.(\w+)")
INSERTED = re.compile(r"insert into kanban\.\w+ \(([^)]*)\)")
UPDATED = re.compile(r"(\w+) = (?=%s|clock_timestamp\(\))")

WRITERS = {
    "board": {"create_board": "name"},
    "board_column": {"create_board": "board_id, name, position, wip_limit"},
    "rule": {"create_board": "board_id, word, field, value, apply_above"},
    "recurring_template": {
        "create_template": "board_id, column_id, title, cron",
        "delete_template": "all",
    },
    "task": {
        "create_task": "board_id, column_id, title, template_id",
        "move_task": "column_id",
        "apply_hint": "priority, title",
    },
    "task_event": {"_record": "task_id, type, actor, detail"},
    "hint": {
        "add_hint": "task_id, job_id, agent, field, value, confidence",
        "_decide": "state, decided_by",
    },
    "action_token": {"_make_token": "hash, hint_id, expires_at", "use_token": "used_at"},
}


def writes(file: Path) -> dict[str, dict[str, str]]:
    """{table: {function: columns}}"""
    found: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
    for function in ast.walk(ast.parse(file.read_text())):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for verb, table in WRITE.findall(node.value):
                    found[table].setdefault(function.name, []).extend(columns(verb, node.value))
    return {table: {who: ", ".join(what) for who, what in by.items()} for table, by in found.items()}


def columns(verb: str, statement: str) -> list[str]:
    if verb == "insert into":
        return [name.strip() for listed in INSERTED.findall(statement) for name in listed.split(",")]
    return UPDATED.findall(statement.partition("where")[0]) if verb == "update" else ["all"]


def test_the_board_is_written_in_one_file_each_column_in_one_function() -> None:
    assert writes(FOLDER / "board.py") == WRITERS
    for file in FOLDER.glob("*.py"):
        assert file.name == "board.py" or writes(file) == {}, file


def test_agents_know_no_database() -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse((FOLDER / "tasks.py").read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported == {"__future__", "datetime", "typing", "procrastinate", "worker"}


def test_the_page_has_a_row_for_each_table() -> None:
    tables = set(re.findall(r"create table kanban\.(\w+)", (FOLDER / "schema.sql").read_text()))
    assert tables == WRITERS.keys()
    page = (FOLDER / "README.md").read_text()
    assert [table for table in sorted(tables) if f"`{table}`" not in page] == []
