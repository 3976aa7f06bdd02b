"""Bodies and queries of /v1/handlers and /v1/dead-letters."""

from typing import Annotated

from msgspec import Meta, Struct

from app.http.bodies import Name, Reason
from app.queries.handlers import Consumer, DeadLetter


class Handlers(Struct):
    """Whoever is told of ends."""

    items: list[Consumer]


class ListLetters(Struct, forbid_unknown_fields=True):
    """The query of GET /v1/dead-letters."""

    consumer: Name | None = None
    task: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Annotated[str, Meta(max_length=200)] | None = None


class LetterPage(Struct):
    """Dead letters, the oldest first."""

    items: list[DeadLetter]
    next_cursor: str | None


class ReplayLetters(Struct, forbid_unknown_fields=True):
    """All dead letters of a consumer, or those of one task."""

    consumer: Name
    reason: Reason
    task: Name | None = None


class Replayed(Struct):
    """How many are events again."""

    replayed: int


class DiscardQuery(Struct, forbid_unknown_fields=True):
    """The query of DELETE /v1/dead-letters/{id}."""

    reason: Reason
