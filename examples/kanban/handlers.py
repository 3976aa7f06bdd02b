"""What the agents' answers mean: on the API side, as the handlers' login, in the board's own database."""

from __future__ import annotations

from contextlib import suppress

from app.handlers import Event, on
from examples.kanban import board


@on("kanban.rules", "succeeded")
@on("kanban.tidy", "succeeded")
async def take_hints(conn: board.Conn, event: Event) -> None:
    """Which task they are for is what was asked, not what was answered."""
    for hint in event.result["hints"]:
        await board.add_hint(conn, event.args["task"]["id"], event.job.id, hint)


@on("kanban.recur", "succeeded")
async def make_recurring(conn: board.Conn, event: Event) -> None:
    """A full column is no error: there will be another day."""
    with suppress(board.Refused):
        await board.create_recurring(conn, event.args["template"], event.result["title"])
