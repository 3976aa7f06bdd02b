"""Children of jobs, and flows: queries and answers, as types."""

from typing import Annotated

from msgspec import Meta, Struct

from app.commands.operate import CancelledChildren
from app.http.bodies import Reason
from app.queries.flows import Child, Flow, FlowMember
from app.queries.jobs import Status

Cursor = Annotated[str, Meta(max_length=200)]
Limit = Annotated[int, Meta(ge=1, le=500)]


class Cancel(Struct, forbid_unknown_fields=True):
    """The body of cancel; may be left out. `children`: also of a job that has ended."""

    reason: Reason | None = None
    children: bool = False


class Cancelled(Struct):
    """Where the job stands, and how many of those behind it were cancelled or asked to abort."""

    id: int
    status: Status
    abort_requested: bool
    children: CancelledChildren


class ListPage(Struct, forbid_unknown_fields=True):
    """The query of a list that is read in pages."""

    limit: Limit = 50
    cursor: Cursor | None = None


class Children(Struct):
    """The jobs that follow from this one, the oldest first, and the flows that its handlers started."""

    items: list[Child]
    flows: list[Flow]
    next_cursor: str | None


class FlowDetail(Struct):
    """A flow and its members in their order."""

    flow: Flow
    items: list[FlowMember]
    next_cursor: str | None
