"""What a random history is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Claim = tuple[int, int]  # a job's id and the number of the claim
HOUR = 3600
LONG = "q" * 129


@dataclass(frozen=True)
class NewJob:
    """`hours`: starts that far ahead; `moment` orders what starts in one hour; `expires` in hours."""

    queue: str
    priority: int = 0
    lock: str | None = None
    queueing_lock: str | None = None
    hours: int = 0
    expires: int | None = None
    max_attempts: int | None = None
    moment: int = 0


@dataclass(frozen=True)
class Outcome:
    """`text`: what is sent instead of the result's JSON; `refused`: with which reason it ends then."""

    status: str
    result: Any = None
    reason: str | None = None
    text: str | None = None
    refused: str | None = None


@dataclass(frozen=True)
class Done:
    claim: Claim
    outcome: Outcome


@dataclass(frozen=True)
class GiveUp:
    """Another try, perhaps elsewhere; `nul` and `long_queue` are what the database refuses."""

    claim: Claim
    hours: int = 0
    moment: int = 0
    priority: int | None = None
    queue: str | None = None
    lock: str | None = None
    nul: bool = False
    long_queue: bool = False


@dataclass(frozen=True)
class Exchange:
    """What a worker says and wants in one round trip."""

    done: list[Done] = field(default_factory=list)
    retry: list[GiveUp] = field(default_factory=list)
    release: list[Claim] = field(default_factory=list)
    started: list[Claim] = field(default_factory=list)
    want: int = 0
    free: int = 0
    alone: bool = True


def seconds(hours: int, moment: int) -> int:
    """Until a moment `hours` ahead: in the middle of an hour, so that only a step of the clock reaches it."""
    return hours * HOUR - HOUR // 2 + moment
