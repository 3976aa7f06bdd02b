"""A domain in another database: its own transaction notes which events it has applied, and what follows them.

Between its commit and the acknowledgement in the queue lies a moment in which the process may die. Then the
event comes again, is found here, and is only acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.handlers.queue import Fetching, still_there

FIND = (
    "select event_id, follow::text from onewriter_inbox.event where environment = %s and event_id = any(%s)"
)
RECORD = """insert into onewriter_inbox.event (environment, event_id, follow)
            select %s, (e ->> 0)::bigint, e -> 1 from jsonb_array_elements(%s::jsonb) as e"""
FORGET = "delete from onewriter_inbox.event where environment = %s and event_id = any(%s)"
LIST = "select event_id from onewriter_inbox.event where environment = %s order by event_id limit 10000"


@dataclass(slots=True)
class Inbox:
    """`environment` tells apart queues that share a domain. Statements run in the domain's transaction."""

    environment: str
    _acknowledged: set[int] = field(default_factory=set)

    async def find(self, domain: Fetching, event_ids: list[int]) -> dict[int, list[Any]]:
        """The follow-ups of those that were applied before."""
        rows = await domain.fetch(FIND, self.environment, event_ids)
        return {event_id: msgspec.json.decode(follow) for event_id, follow in rows}

    async def record(self, domain: Fetching, follow: dict[int, list[Any]]) -> None:
        """Raises a unique violation where another process applied one meanwhile: its row counts."""
        if not follow:
            return
        items = msgspec.json.encode(list(follow.items())).decode()
        await domain.fetch(RECORD, self.environment, items)

    @property
    def has_old(self) -> bool:
        return bool(self._acknowledged)

    def acknowledged(self, event_ids: Iterable[int]) -> None:
        """They will not come again."""
        self._acknowledged.update(event_ids)

    async def forget(self, domain: Fetching) -> None:
        """Deletes the rows of what was acknowledged; call `forgotten` after the commit."""
        if self._acknowledged:
            await domain.fetch(FORGET, self.environment, list(self._acknowledged))

    def forgotten(self) -> None:
        self._acknowledged.clear()

    async def sweep(self, domain: Fetching, desk: Fetching) -> None:
        """What processes that died have left: events that the queue does not know any more."""
        rows = await domain.fetch(LIST, self.environment)
        left = {event_id for (event_id,) in rows}
        if left:
            self.acknowledged(left - await still_there(desk, list(left)))
