"""What may happen on a board: every statement that writes one is here.

Each function is a part of the caller's transaction, a request's or a result handler's.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row, scalar_row
from psycopg.types.json import Jsonb

from app.handlers import enqueue, publish

Conn = AsyncConnection[Any]


class Refused(Exception):
    """What was asked is not possible on this board as it is."""


async def create_board(
    conn: Conn, name: str, columns: list[dict[str, Any]], rules: list[dict[str, Any]]
) -> dict[str, Any]:
    """Answers {"id", "columns": {name: id}}."""
    board_id: int = await _one(conn, "insert into kanban.board (name) values (%s) returning id", name)
    made = {}
    for position, column in enumerate(columns):
        made[column["name"]] = await _one(
            conn,
            """insert into kanban.board_column (board_id, name, position, wip_limit)
               values (%s, %s, %s, %s) returning id""",
            board_id, column["name"], position, column.get("wip_limit"),
        )  # fmt: skip
    for rule in rules:
        await conn.execute(
            """insert into kanban.rule (board_id, word, field, value, apply_above)
               values (%(board)s, %(word)s, %(field)s, %(value)s, %(apply_above)s)""",
            {**rule, "board": board_id},
        )
    return {"id": board_id, "columns": made}


async def create_template(conn: Conn, column_id: int, title: str, cron: str) -> dict[str, Any]:
    query = """insert into kanban.recurring_template (board_id, column_id, title, cron)
               select board_id, id, %s, %s from kanban.board_column where id = %s returning *"""
    async with conn.cursor(row_factory=dict_row) as cursor:
        template = await (await cursor.execute(query, (title, cron, column_id))).fetchone()
    if template is None:
        raise Refused(f"there is no column {column_id}")
    return template


async def delete_template(conn: Conn, template_id: int) -> None:
    """Its tasks stay."""
    await conn.execute("delete from kanban.recurring_template where id = %s", (template_id,))


async def create_task(
    conn: Conn, column_id: int, title: str, actor: str, template_id: int | None = None
) -> int:
    """Also tells the agents: the event carries all that they need, the board's rules among it.

    Raises Refused where the column is full.
    """
    column = await _with_room(conn, column_id)
    task_id: int = await _one(
        conn,
        """insert into kanban.task (board_id, column_id, title, template_id)
           values (%s, %s, %s, %s) returning id""",
        column["board_id"], column_id, title, template_id,
    )  # fmt: skip
    await _record(conn, task_id, "created", actor, title=title)
    task = {"id": task_id, "title": title, "priority": "normal"}
    await publish(conn, "task.created", {"task": task, "rules": await _rules(conn, column["board_id"])})
    return task_id


async def create_recurring(conn: Conn, template_id: int, title: str) -> int:
    """A task of a template. Raises Refused where the column is full, or the template is gone."""
    query = "select column_id from kanban.recurring_template where id = %s"
    column_id = await _one(conn, query, template_id)
    if column_id is None:
        raise Refused(f"there is no template {template_id}")
    return await create_task(conn, column_id, title, f"template {template_id}", template_id)


async def move_task(conn: Conn, task_id: int, column_id: int, actor: str) -> None:
    """Raises Refused where the column is full."""
    await _with_room(conn, column_id, task_id)
    moved = await _one(
        conn, "update kanban.task set column_id = %s where id = %s returning id", column_id, task_id
    )
    if moved is None:
        raise Refused(f"there is no task {task_id}")
    await _record(conn, task_id, "moved", actor, column=column_id)


async def add_hint(conn: Conn, task_id: int, job_id: int, hint: dict[str, Any]) -> None:
    """A draft; applied at once if a rule trusts it, else somebody is asked by mail."""
    hint_id: int = await _one(
        conn,
        """insert into kanban.hint (task_id, job_id, agent, field, value, confidence)
           values (%s, %s, %s, %s, %s, %s) returning id""",
        task_id, job_id, hint["agent"], hint["field"], hint["value"], hint["confidence"],
    )  # fmt: skip
    await _record(conn, task_id, "hinted", hint["agent"], hint=hint_id)
    if (rule := await _trusting_rule(conn, hint_id)) is not None:
        await apply_hint(conn, hint_id, f"rule {rule}")
    else:
        token = await _make_token(conn, hint_id)
        await enqueue(conn, "kanban.mail", task_id=task_id, hint=hint["value"], token=token)


async def apply_hint(conn: Conn, hint_id: int, actor: str) -> None:
    """Raises Refused unless it is a draft."""
    hint = await _decide(conn, hint_id, "applied", actor)
    query = {
        "priority": "update kanban.task set priority = %s where id = %s",
        "title": "update kanban.task set title = %s where id = %s",
    }[hint["field"]]
    await conn.execute(query, (hint["value"], hint["task_id"]))
    await _record(conn, hint["task_id"], "hint applied", actor, hint=hint_id)


async def reject_hint(conn: Conn, hint_id: int, actor: str) -> None:
    """Raises Refused unless it is a draft."""
    hint = await _decide(conn, hint_id, "rejected", actor)
    await _record(conn, hint["task_id"], "hint rejected", actor, hint=hint_id)


async def use_token(conn: Conn, token: str) -> None:
    """Applies its hint, once. Raises Refused for one that is unknown, used or too old."""
    hint_id = await _one(
        conn,
        """update kanban.action_token set used_at = clock_timestamp()
           where hash = %s and used_at is null and expires_at > clock_timestamp() returning hint_id""",
        _hash(token),
    )
    if hint_id is None:
        raise Refused("the link was used already, or is too old")
    await apply_hint(conn, hint_id, "a link in a mail")


async def show_board(conn: Conn, board_id: int) -> list[dict[str, Any]]:
    """Its columns with their tasks, and each task's hints and events."""
    query = """
        select c.id, c.name, c.wip_limit, coalesce(jsonb_agg(to_jsonb(t) || jsonb_build_object(
                   'hints', (select coalesce(jsonb_agg(h order by h.id), '[]') from kanban.hint h
                              where h.task_id = t.id),
                   'events', (select jsonb_agg(e order by e.id) from kanban.task_event e
                               where e.task_id = t.id)) order by t.id)
                   filter (where t.id is not null), '[]') as tasks
          from kanban.board_column c left join kanban.task t on t.column_id = c.id
         where c.board_id = %s group by c.id order by c.position"""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, (board_id,))).fetchall()


async def _with_room(conn: Conn, column_id: int, task_id: int | None = None) -> dict[str, Any]:
    """The column, locked: two requests at once must not both take its last place. The task has its own."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("select * from kanban.board_column where id = %s for update", (column_id,))
        column = await cursor.fetchone()
    if column is None:
        raise Refused(f"there is no column {column_id}")
    query = "select count(*) from kanban.task where column_id = %s and id is distinct from %s"
    taken = await _one(conn, query, column_id, task_id)
    if column["wip_limit"] is not None and taken >= column["wip_limit"]:
        raise Refused(f"{column['name']} is full: its limit is {column['wip_limit']}")
    return column


async def _trusting_rule(conn: Conn, hint_id: int) -> int | None:
    """A rule of the task's own board that wants this very value, and from somebody no surer than this."""
    query = """
        select r.id from kanban.hint h join kanban.task t on t.id = h.task_id
          join kanban.rule r on r.board_id = t.board_id and r.field = h.field and r.value = h.value
         where h.id = %s and h.confidence >= r.apply_above order by r.id limit 1"""
    rule: int | None = await _one(conn, query, hint_id)
    return rule


async def _rules(conn: Conn, board_id: int) -> list[dict[str, Any]]:
    query = "select id, word, field, value from kanban.rule where board_id = %s order by id"
    async with conn.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, (board_id,))).fetchall()


async def _decide(conn: Conn, hint_id: int, state: str, actor: str) -> dict[str, Any]:
    query = """update kanban.hint set state = %s, decided_by = %s where id = %s and state = 'draft'
               returning task_id, field, value"""
    async with conn.cursor(row_factory=dict_row) as cursor:
        hint = await (await cursor.execute(query, (state, actor, hint_id))).fetchone()
    if hint is None:
        raise Refused(f"hint {hint_id} is no draft")
    return hint


async def _make_token(conn: Conn, hint_id: int) -> str:
    token = secrets.token_urlsafe(24)
    await conn.execute(
        """insert into kanban.action_token (hash, hint_id, expires_at)
           values (%s, %s, clock_timestamp() + interval '1 day')""",
        (_hash(token), hint_id),
    )
    return token


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def _record(conn: Conn, task_id: int, type_: str, actor: str, **detail: Any) -> None:
    await conn.execute(
        "insert into kanban.task_event (task_id, type, actor, detail) values (%s, %s, %s, %s)",
        (task_id, type_, actor, Jsonb(detail)),
    )


async def _one(conn: Conn, query: str, *params: Any) -> Any:
    async with conn.cursor(row_factory=scalar_row) as cursor:
        return await (await cursor.execute(query.encode(), params)).fetchone()
