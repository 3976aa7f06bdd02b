"""What a stream is made of: frames with an id, as server-sent events and as lines of JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Raw

from app.http.bodies import Result
from app.queries.jobs import Outcome
from app.queries.notes import JobStream, Note, Position

FrameKind = Literal["state", "progress", "log", "chunk"]
# What a frame takes in memory beside its data.
OVERHEAD = 200
# A state is sent anew when one of these is another; progress has frames of its own.
_STATE = (
    *("id", "status", "attempt", "abort_requested", "reason", "worker", "run_at", "started_at"),
    *("finished_at", "truncated_at"),
)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream. `position`: whoever has got it resumes behind that note. `data` is JSON."""

    event: str
    position: Position
    data: bytes
    at: datetime | None = None

    @property
    def size(self) -> int:
        return len(self.data) + OVERHEAD

    @property
    def line(self) -> bytes:
        """As NDJSON."""
        at = {} if self.at is None else {"at": self.at}
        head = {"id": str(self.position), "event": self.event, **at, "data": Raw(self.data)}
        return _encode(head) + b"\n"


def note_frame(note: Note) -> Frame:
    return Frame(note.kind, note.position, _data(note), note.at)


def _data(note: Note) -> bytes:
    """A log tells when; a chunk is what the task emitted and nothing more."""
    data = bytes(note.data)
    if note.kind == "log" and data.startswith(b"{") and data != b"{}":
        return b'{"at":' + _encode(note.at) + b"," + data[1:]
    return data


def state_frame(stream: JobStream, position: Position) -> Frame:
    """The snapshot that each listener gets first, and again whenever it has changed."""
    return Frame("state", position, _encode({**state_of(stream), "progress": stream.progress}))


def progress_frame(stream: JobStream, position: Position) -> Frame:
    return Frame("progress", position, _encode(stream.progress), stream.said_at)


def end_frame(outcome: Outcome, position: Position) -> Frame:
    """The last one says what GET …/result would."""
    return Frame("end", position, _encode(Result.of(outcome)), outcome.finished_at)


def state_of(stream: JobStream) -> dict[str, Any]:
    return {name: getattr(stream, name) for name in _STATE}
