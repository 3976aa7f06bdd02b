"""What is old goes: finished jobs by their status's age, Idempotency-Keys, silent workers, runs, audit."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from app.database.calls import call
from app.database.pool import Connection
from app.settings import Settings

log = logging.getLogger(__name__)

# Jobs looked at in one transaction: fewer where they are heavy, so that it takes about SWIFT seconds at most.
MOST, FEWEST = 1000, 10
SWIFT = 0.05
# The pause after a transaction, in its own lengths: pruning takes half of one backend at most.
REST = 1.0
# Seconds between two walks: a tenth of the shortest age, within these bounds. Looking at jobs that stay
# (scheduled for next year, failed and kept) takes a hundredth of one backend at most: the more of them, the
# rarer the walks.
SOONEST, LATEST = 60.0, 600.0
SPARING = 100.0
LONGEST = 86_400.0


@dataclass(frozen=True, slots=True)
class Ages:
    """How long what ended is kept; None is for ever."""

    succeeded: timedelta | None
    failed: timedelta | None
    cancelled: timedelta | None
    aborted: timedelta | None
    workers: timedelta | None
    runs: timedelta | None
    audit: timedelta | None

    @classmethod
    def of(cls, settings: Settings) -> Ages:
        return cls(
            settings.prune_succeeded_after,
            settings.prune_failed_after,
            settings.prune_cancelled_after,
            settings.prune_aborted_after,
            settings.prune_workers_after,
            settings.prune_runs_after,
            settings.prune_audit_after,
        )

    @property
    def of_jobs(self) -> tuple[timedelta | None, ...]:
        return self.succeeded, self.failed, self.cancelled, self.aborted


class Retention:
    """One walk over what may be old, from the oldest on, in small transactions with pauses between them."""

    def __init__(self, ages: Ages) -> None:
        self._ages = ages
        shortest = min((age.total_seconds() for age in ages.of_jobs if age), default=LATEST)
        self._every = min(max(shortest / 10, SOONEST), LATEST)
        self._most = FEWEST
        self._in_vain = 0.0

    async def run_once(self, conn: Connection) -> float:
        """Until nothing is old any more; seconds until the next walk."""
        self._in_vain = 0.0
        jobs = await self._prune_jobs(conn) if any(self._ages.of_jobs) else 0
        answers = await self._prune_all(conn, "select server_api.forget_idempotency()")
        await self._prune_all(conn, "select server_api.prune_relayed()")
        workers = await self._prune_aged(conn, "select server_api.prune_workers(%s)", self._ages.workers)
        runs = await self._prune_aged(conn, "select server_api.prune_runs(%s)", self._ages.runs)
        lines = await self._prune_aged(conn, "select server_api.prune_audit(%s)", self._ages.audit)
        if jobs or answers or workers or runs or lines:
            log.info(
                "pruned %s jobs, %s answers, %s workers, %s runs, %s lines of the audit",
                jobs, answers, workers, runs, lines,
            )  # fmt: skip
        return max(self._every, SPARING * self._in_vain)

    async def _prune_jobs(self, conn: Connection) -> int:
        """By id, the order of creation: each job is looked at once a walk, up to the first young one."""
        pruned, after, done = 0, 0, False
        query = "select server_api.prune_jobs(%s, %s, %s, %s, %s, %s)"
        while not done:
            most = self._most
            answer, took = await self._timed(conn, query, after, most, *self._ages.of_jobs)
            self._in_vain += took * (1 - answer["pruned"] / most)
            pruned += answer["pruned"]
            after, done = answer["after"], answer["done"]
        return pruned

    async def _prune_aged(self, conn: Connection, query: str, age: timedelta | None) -> int:
        return await self._prune_all(conn, query, age) if age else 0

    async def _prune_all(self, conn: Connection, query: str, *params: Any) -> int:
        total = 0
        while pruned := (await self._timed(conn, query, *params))[0]:
            total += pruned
        return total

    async def _timed(self, conn: Connection, query: str, *params: Any) -> tuple[Any, float]:
        """One transaction's answer and seconds; these tell the next one's size and the pause."""
        started = monotonic()
        answer = await call(conn, query, *params)
        took = monotonic() - started
        self._most = max(self._most // 2, FEWEST) if took > SWIFT else min(self._most * 2, MOST)
        await asyncio.sleep(REST * took)
        return answer, took
