"""The rules of the example's board, where its story doesn't go."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import psycopg
import pytest

from app.handlers.wishes import Wish
from app.schema import inbox
from app.schema.domain import grant
from examples.kanban import board
from tests.support.apart import domain_database
from tests.support.cluster import Database, login_name
from tests.support.processes import ROOT

COLUMNS: list[dict[str, Any]] = [{"name": "Inbox"}, {"name": "Doing", "wip_limit": 1}]
RULES = [{"word": "urgent", "field": "priority", "value": "high", "apply_above": 0.9}]


@pytest.fixture
def domain(same_db: Database) -> Iterator[Database]:
    with domain_database(same_db) as database:
        admin = database.connect("admin")
        admin.execute((ROOT / "examples" / "kanban" / "schema.sql").read_bytes())
        inbox.prepare(admin, login_name("handler"))
        grant(admin, "kanban")
        yield database


@pytest.fixture
async def conn(domain: Database) -> AsyncIterator[board.Conn]:
    async with await psycopg.AsyncConnection.connect(domain.dsn("handler"), autocommit=True) as conn:
        yield conn


async def columns(conn: board.Conn) -> dict[str, int]:
    made = await board.create_board(conn, "Office", COLUMNS, RULES)
    found: dict[str, int] = made["columns"]
    return found


async def rows(conn: board.Conn, query: str) -> list[tuple[Any, ...]]:
    return await (await conn.execute(query.encode())).fetchall()


async def test_the_board_decides_how_sure_is_sure_enough(conn: board.Conn) -> None:
    """An agent is trusted with what a rule wants, not with whatever it answers."""
    task = await board.create_task(conn, (await columns(conn))["Inbox"], "urgent", "anna")
    for field, value, confidence in (
        ("priority", "high", 0.89), ("priority", "low", 1), ("title", "high", 1), ("priority", "high", 0.9),
    ):  # fmt: skip
        hint = {"agent": "rules", "field": field, "value": value, "confidence": confidence}
        await board.add_hint(conn, task, 1, hint)
    states = await rows(conn, "select state, decided_by from kanban.hint order by id")
    assert states == [("draft", None)] * 3 + [("applied", "rule 1")]
    assert await rows(conn, "select title, priority from kanban.task") == [("urgent", "high")]
    assert await rows(conn, "select count(*) from kanban.action_token") == [(3,)]


async def test_what_an_agent_may_not_even_propose(conn: board.Conn) -> None:
    task = await board.create_task(conn, (await columns(conn))["Inbox"], "urgent", "anna")
    for field, value, confidence in (("board_id", "2", 0.5), ("priority", "2", 0.5), ("title", "x", 7)):
        hint = {"agent": "rules", "field": field, "value": value, "confidence": confidence}
        with pytest.raises(psycopg.errors.CheckViolation):
            await board.add_hint(conn, task, 1, hint)


async def test_a_link_is_no_use_when_it_is_old_or_its_hint_is_decided(conn: board.Conn) -> None:
    task = await board.create_task(conn, (await columns(conn))["Inbox"], "urgent", "anna")
    await board.add_hint(conn, task, 1, {"agent": "a", "field": "title", "value": "x", "confidence": 0.5})
    ((wish,),) = await rows(conn, "select wish from onewriter_inbox.outgoing where wish ->> 'kind' = 'job'")
    token = msgspec.convert(wish, Wish).steps[0].args["token"]
    await conn.execute("update kanban.action_token set expires_at = clock_timestamp()")
    with pytest.raises(board.Refused, match="too old"):
        await board.use_token(conn, token)
    await conn.execute("update kanban.action_token set expires_at = clock_timestamp() + interval '1 day'")
    await board.reject_hint(conn, 1, "bob")
    with pytest.raises(board.Refused, match="no draft"):
        async with conn.transaction():
            await board.use_token(conn, token)
    assert await rows(conn, "select used_at from kanban.action_token") == [(None,)]
    assert await rows(conn, "select title from kanban.task") == [("urgent",)]


async def test_a_full_column_has_room_for_its_own(conn: board.Conn) -> None:
    found = await columns(conn)
    task = await board.create_task(conn, found["Doing"], "urgent", "anna")
    await board.move_task(conn, task, found["Doing"], "anna")
    with pytest.raises(board.Refused, match="full"):
        await board.create_task(conn, found["Doing"], "another", "anna")


async def test_what_is_left_of_a_template(conn: board.Conn) -> None:
    found = await columns(conn)
    template = await board.create_template(conn, found["Inbox"], "Water", "@daily")
    await board.create_recurring(conn, template["id"], "Water (1)")
    await board.delete_template(conn, template["id"])
    with pytest.raises(board.Refused, match="no template"):
        await board.create_recurring(conn, template["id"], "Water (2)")
    assert await rows(conn, "select title, template_id from kanban.task") == [("Water (1)", None)]
