"""What auto_explain tells of a call of the contract: the plan of each statement inside it."""

import re
from collections.abc import Sequence
from typing import Any

import psycopg

from tests.support.cluster import login_name


def nested_plans(
    admin: psycopg.Connection[Any], role: str, run: str, params: Sequence[Any], table: str
) -> dict[str, list[str]]:
    """For each nested statement on the table, its plan's lines. `admin` acts as the role afterwards."""
    seen = _explained(admin, role, run, params, "log_analyze = off")
    return {text: re.findall(r"(?:->|\n)\s*(\w[^\n]*?)\s+\(cost", text) for text in seen if table in text}


def most_read(admin: psycopg.Connection[Any], role: str, run: str, params: Any) -> dict[str, float]:
    """For each statement, nested or not, the rows that its busiest node read, removed ones too."""
    seen = _explained(admin, role, run, params, "log_analyze = on")
    return {text: max(map(_rows, re.split(r"\n\s*->", text))) for text in seen if "actual time" in text}


def _rows(node: str) -> float:
    found = re.search(r"\(actual time=\S+ rows=([\d.]+) loops=(\d+)\)", node)
    removed = re.search(r"Rows Removed by (?:Index Recheck|Filter|Join Filter): (\d+)", node)
    rows, loops = (float(found[1]), int(found[2])) if found else (0, 0)
    return (rows + (int(removed[1]) if removed else 0)) * loops


def _explained(admin: psycopg.Connection[Any], role: str, run: str, params: Any, analyze: str) -> list[str]:
    seen: list[str] = []
    admin.add_notice_handler(lambda diagnostic: seen.append(diagnostic.message_primary or ""))
    for setting in ("log_min_duration = 0", "log_nested_statements = on", analyze):
        admin.execute("load 'auto_explain'")
        admin.execute(f"set auto_explain.{setting}".encode())
    admin.execute(f"set session authorization {login_name(role)}".encode())
    admin.execute("set client_min_messages = log")
    admin.execute(run.encode(), params)
    admin.execute("reset client_min_messages")
    return seen
