"""What a system without work asks the database for: each statement, seen in pg_stat_activity.

A sample every SAMPLE seconds: statements of one connection that follow within it count as one wake-up.
"""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

SAMPLE = 0.02
# A worker's heartbeat looks for jobs too, as the net below a lost signal: it is a look for nothing where it
# comes earlier than a heartbeat has to.
HEARTBEAT = "heartbeat of the worker's lease"
EARLY = "woke up for nothing"
KNOWN = {
    "rescue": "has a lease run out?",
    "end_overlong": "does a worker's login block anybody?",
    "retire_workers": "is a worker silent?",
    "activate_workers": "is a worker new?",
    "reactivate_workers": "is a worker back?",
    "expire": "has a job waited too long?",
    "prune_": "is anything old enough to go?",
    "forget_idempotency": "is anything old enough to go?",
}
SEEN: LiteralString = """
    select pid, application_name as who, query, query_start as at from pg_stat_activity
     where datname = current_database()
       and application_name like 'onewriter %' and application_name <> 'onewriter api'"""


@dataclass(frozen=True, slots=True)
class Statement:
    who: str
    what: str


def watch(dsn: str, seconds: float, heartbeat: float) -> Counter[Statement]:
    """How often each was seen. `dsn` is a superuser's, whose own looks don't count."""
    seen: Counter[Statement] = Counter()
    last: dict[int, Any] = {}
    with psycopg.connect(dsn, autocommit=True) as conn:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for pid, who, query, at in conn.execute(SEEN).fetchall():
                if pid in last and at != last[pid]:
                    early = (at - last[pid]).total_seconds() < 0.8 * heartbeat
                    seen[Statement(short(who), meaning(query, early=early))] += 1
                last[pid] = at
            time.sleep(SAMPLE)
    return seen


def short(who: str) -> str:
    """`onewriter box/night` is the worker called night."""
    name = who.removeprefix("onewriter ")
    return "worker" if "/" in name else name


def meaning(query: str, *, early: bool) -> str:
    if "worker_api.exchange" in query:
        return EARLY if early else HEARTBEAT
    return next((told for name, told in KNOWN.items() if f"server_api.{name}" in query), EARLY)


def wasted(seen: Counter[Statement]) -> int:
    return sum(count for statement, count in seen.items() if statement.what == EARLY)
