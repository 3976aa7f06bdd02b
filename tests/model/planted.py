"""Faults as somebody might make them: a function's text changed at one place, in a clone of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.cluster import Database

SQL = Path(__file__).parents[2] / "sql"


@dataclass(frozen=True)
class Fault:
    name: str
    function: str
    text: str
    instead: str = ""

    def plant(self, db: Database) -> None:
        source = (SQL / f"{self.function}.sql").read_text()
        assert self.text in source, f"{self.function} has changed: {self.text!r} is not there"
        db.connect("admin").execute(source.replace(self.text, self.instead).encode())


# What the promise rests on: these are looked for in every run of the tests, the others in the long one.
FENCE_AND_PLACES = [
    Fault("settle without claim_no", "jobs/finish", " and j.claim_no = i.claim_no"),
    Fault(
        "rescue passes over what has a lock",
        "server_api/rescue",
        "j.worker_id = _holder and j.status = 'doing'",
        "j.worker_id = _holder and j.status = 'doing' and j.lock is null",
    ),
]

FAULTS = [
    Fault("settle without session", "jobs/finish", " and j.worker_id = _session"),
    Fault("an end frees nobody", "worker_api/exchange", "_queues := _queues || jobs.unpark(_locks)", "null"),
    Fault("ends are told to nobody", "jobs/finish", "signals := jobs.record_ends(_told)", "null"),
    Fault("give back without claim_no", "jobs/give_back", " and j.claim_no = _item.claim_no"),
    Fault("a replayed result is late", "jobs/keep_late", ") = 0", ") >= 0"),
    Fault("a late result leaves no trace", "jobs/keep_late", "least(100,", "least(0,"),
    Fault(
        "un-parks another than the first",
        "jobs/unpark",
        "order by w.priority desc, w.id",
        "order by w.id desc",
    ),
    Fault(
        "claims another than the first",
        "jobs/first_places",
        "order by w.priority desc, w.id",
        "order by w.id",
    ),
    Fault("backoff loses its place", "jobs/first_places", "(w.gate <> 2 or w.claim_no > 0)", "w.gate <> 2"),
    Fault(
        "begins in the order of queues",
        "jobs/claim",
        "if _plain and _free < cardinality(_found) then",
        "if false then",
    ),
    Fault(
        "a release counts as a crash",
        "jobs/give_back",
        "when _kind <> 'lost' then j.crashes",
        "when _kind = 'retry' then j.crashes",
    ),
    Fault(
        "claims what has expired",
        "jobs/candidates",
        "_now constant timestamptz := clock_timestamp()",
        "_now constant timestamptz := '-infinity'",
    ),
    Fault("claims from a paused queue", "jobs/candidates", "where q.paused_at is not null", "where false"),
    Fault("resume keeps its secret", "worker_api/resume", "set secret = _new", "set secret = s.secret"),
    Fault("a lost session may speak", "jobs/held_session", "s.lost_at is null and "),
    Fault("any login may speak", "jobs/held_session", " and s.login = session_user"),
]
