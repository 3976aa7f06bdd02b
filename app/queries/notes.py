"""What running jobs say: their state, their progress, and their notes (logs and chunks)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Self, TypeVar

from psycopg import sql
from psycopg.rows import class_row

from app.database.pool import Connection
from app.queries.jobs import FINAL, Status

Kind = Literal["log", "chunk"]
T = TypeVar("T")


class Position(NamedTuple):
    """A place among a job's notes: the run's claim, and the number within it. Claims follow one another."""

    claim_no: int
    seq: int

    def __str__(self) -> str:
        return f"{self.claim_no}-{self.seq}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """None for what is no position."""
        parts = text.split("-")
        if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
            return None
        return cls(int(parts[0]), int(parts[1]))


START = Position(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing that a run said; inserted once. `data` is JSON: of a log {level, message, …}."""

    claim_no: int
    seq: int
    kind: Kind
    at: datetime
    data: Any

    @property
    def position(self) -> Position:
        return Position(self.claim_no, self.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What changes whenever a job's stream goes on; enough to know whom to wake."""

    id: int
    status: Status
    attempt: int
    claim_no: int
    abort_requested: bool
    started_at: datetime | None
    note_claim: int
    note_seq: int
    said_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStream(Mark):
    """How a job stands, its latest progress, and how far its notes go. Times are UTC."""

    task: str
    queue: str
    worker: str | None
    run_at: datetime | None
    finished_at: datetime | None
    reason: str | None
    progress: Any
    truncated_at: datetime | None

    @property
    def position(self) -> Position:
        """Of the last note."""
        return Position(self.note_claim, self.note_seq)

    @property
    def end(self) -> Position:
        """Of the job's end, should it be now: the number after the last note of its last run."""
        last = max(self.position, Position(self.claim_no, 0))
        return Position(last.claim_no, last.seq + 1)

    @property
    def reach(self) -> Position:
        """No listener can have got further: a job that does not run may have had its end told."""
        return self.position if self.status == "running" else self.end

    @property
    def final(self) -> bool:
        return self.status in FINAL


# A page ends at so many bytes, but has one note at least.
PAGE_BYTES = 512 * 1024
_NOTES = """
    select claim_no, seq, kind, at, data
      from (select n.*, sum(octet_length(n.data::text)) over (order by n.claim_no, n.seq)
                        - octet_length(n.data::text) as before
              from server_api.note as n
             where n.job_id = %(job_id)s and (n.claim_no, n.seq) > (%(claim_no)s, %(seq)s)
               and (n.claim_no, n.seq) <= (%(until_claim)s, %(until_seq)s)
               and (%(kind)s::text is null or n.kind = %(kind)s)
             order by n.claim_no, n.seq limit %(limit)s) as page
     where before < %(bytes)s order by claim_no, seq"""


async def get_stream(conn: Connection, *, job_id: int) -> JobStream | None:
    found = await _streams(conn, JobStream, [job_id])
    return found[0] if found else None


async def list_marks(conn: Connection, *, job_ids: Sequence[int]) -> list[Mark]:
    return await _streams(conn, Mark, job_ids)


async def list_notes(
    conn: Connection, *, job_id: int, after: Position, until: Position, kind: Kind | None = None, limit: int
) -> list[Note]:
    """A page in the order in which they were said, from behind `after` up to `until`; empty: that was all."""
    params = {
        "job_id": job_id,
        "claim_no": after.claim_no,
        "seq": after.seq,
        "until_claim": until.claim_no,
        "until_seq": until.seq,
        "kind": kind,
        "limit": limit,
        "bytes": PAGE_BYTES,
    }
    async with conn.cursor(row_factory=class_row(Note)) as cursor:
        return await (await cursor.execute(_NOTES, params)).fetchall()


async def _streams(conn: Connection, shape: type[T], job_ids: Sequence[int]) -> list[T]:
    names = [sql.Identifier(name) for name in shape.__dataclass_fields__]  # type: ignore[attr-defined]
    statement = sql.SQL("select {} from server_api.job_stream where id = any (%s)").format(
        sql.SQL(", ").join(names)
    )
    async with conn.cursor(row_factory=class_row(shape)) as cursor:
        return await (await cursor.execute(statement, (list(job_ids),))).fetchall()
