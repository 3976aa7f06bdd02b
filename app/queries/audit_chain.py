"""The audit's chain, computed anew from its lines: no function of the database is asked whether it holds."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

HEAD = "select id, hash from server_api.audit_head"
# What the last prune took away ends where the chain begins.
START = """
    select (detail ->> 'id')::bigint as id, detail ->> 'hash' as hash from server_api.audit
     where action = 'audit.prune' order by id desc limit 1"""
LINES = """
    select id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
           actor, login, action, target, reason, detail::text as detail, hash
      from server_api.audit order by id"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the chain: a line's id and its hash in hex."""

    id: int
    hash: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line as LINES reads it: `at` in UTC to the microsecond, `detail` as the database writes its JSON."""

    id: int
    at: str
    actor: str
    login: str
    action: str
    target: str
    reason: str | None
    detail: str | None
    hash: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`lines` were found good, up to `head`. `problem` is None when that is all there is."""

    lines: int
    head: Mark
    bad_line: int | None = None
    problem: str | None = None


GENESIS = Mark(0, "0" * 64)


def line_hash(before: str, line: Line) -> str:
    """SHA-256 of a JSON array: the hash before, then the line's fields. docs/operations.md tells others."""
    who, what = (line.actor, line.login), (line.action, line.target, line.reason, line.detail)
    said = json.dumps([before, line.id, line.at, *who, *what], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


def verify(
    lines: Iterable[Line], *, start: Mark = GENESIS, head: Mark | None, expect: Mark | None = None
) -> Verdict:
    """Walks from `start`; `head` is what the writers know, `expect` what somebody noted elsewhere."""
    count, last = 0, start
    seen = {start.id: start.hash}
    for line in lines:
        if line.hash != line_hash(last.hash, line):
            return Verdict(count, last, line.id, f"line {line.id} is not what followed line {last.id}")
        count, last = count + 1, Mark(line.id, line.hash)
        if expect is not None and line.id == expect.id:
            seen[line.id] = line.hash
    return _ends(count, last, head) or _fits(count, last, expect, seen) or Verdict(count, last)


def _ends(count: int, last: Mark, head: Mark | None) -> Verdict | None:
    if head is None:
        return Verdict(count, last, last.id, "the head of the chain is missing")
    if head == last:
        return None
    return Verdict(count, last, head.id, f"line {head.id} was written last, but {last.id} is the last there")


def _fits(count: int, last: Mark, expect: Mark | None, seen: dict[int, str]) -> Verdict | None:
    if expect is None or seen.get(expect.id) == expect.hash:
        return None
    if expect.id in seen:
        return Verdict(count, last, expect.id, f"line {expect.id} is not the one that was noted")
    gone = "was pruned since: note a newer one" if expect.id < min(seen) else "is missing"
    return Verdict(count, last, expect.id, f"line {expect.id}, which was noted, {gone}")
