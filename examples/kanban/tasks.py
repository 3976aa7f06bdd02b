"""The agents: ordinary tasks. They see what the event carried, and answer what they think."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from procrastinate import Blueprint, RetryStrategy

from worker.events import subscribes

kanban = Blueprint()
AGAIN = RetryStrategy(max_attempts=3, wait=1)


@kanban.task(name="rules", queue="kanban", retry=AGAIN)
@subscribes("task.created")
async def rules(task: dict[str, Any], rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Compares a title with the board's rules: a word at the beginning is surer than one further on."""
    words = task["title"].lower().split()
    found = [rule for rule in rules if rule["word"].lower() in words]
    sure = {rule["id"]: 0.95 if words[0] == rule["word"].lower() else 0.6 for rule in found}
    return {"hints": [_hint("rules", rule["field"], rule["value"], sure[rule["id"]]) for rule in found]}


@kanban.task(name="tidy", queue="kanban", retry=AGAIN)
@subscribes("task.created")
async def tidy(task: dict[str, Any], rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Suggests a title that begins with a capital letter and has no spaces to spare."""
    title = " ".join(task["title"].split())
    better = title[:1].upper() + title[1:]
    hints = [_hint("tidy", "title", better, 0.8)] if better != task["title"] else []
    return {"hints": hints}


@kanban.task(name="recur", queue="kanban", retry=AGAIN)
async def recur(template: int, title: str, timestamp: int) -> dict[str, str]:
    """What the next task of a template should be called; the handler makes it."""
    return {"title": f"{title} ({datetime.fromtimestamp(timestamp, UTC):%H:%M:%S})"}


@kanban.task(name="mail", queue="kanban", retry=AGAIN)
async def mail(task_id: int, hint: str, token: str) -> dict[str, str]:
    """Would send a mail with a link that applies the hint; here the story reads it."""
    return {"subject": f"Task {task_id}: {hint}?", "link": f"/actions/{token}"}


def _hint(agent: str, field: str, value: str, confidence: float) -> dict[str, Any]:
    return {"agent": agent, "field": field, "value": value, "confidence": confidence}
