"""What must hold in every state, said without the model: it could have the same fault as the functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

State = dict[str, Any]
_ENDS = ("succeeded", "failed", "aborted", "retried")
_FINAL = ("succeeded", "failed", "cancelled", "aborted")


def broken(state: State, before: State) -> list[str]:
    """One sentence per rule that a state breaks; `before` is the one of a step ago."""
    jobs = {int(job_id): job for job_id, job in state["jobs"].items()}
    was = {int(job_id): job for job_id, job in before.get("jobs", {}).items()}
    return [
        *_locks(jobs),
        *_queueing_locks(jobs),
        *_holders(jobs, state),
        *_results(jobs, state),
        *_claims(jobs, was),
        *_told(jobs, was, state),
    ]


def _locks(jobs: State) -> Iterator[str]:
    for lock in {job["lock"] for job in jobs.values()} - {None}:
        running = [i for i, job in jobs.items() if job["lock"] == lock and job["status"] == "running"]
        line = sorted(
            (-job["priority"], i) for i, job in jobs.items() if job["lock"] == lock and job["has_place"]
        )
        if len(running) > 1:
            yield f"the lock {lock} has {len(running)} running jobs: {running}"
        if not running and line and jobs[line[0][1]]["status"] == "waiting":
            yield f"the lock {lock} is free and its first place, job {line[0][1]}, is parked"


def _queueing_locks(jobs: State) -> Iterator[str]:
    waiting = Counter(job["queueing_lock"] for job in jobs.values() if job["gate"] is not None)
    yield from (f"{n} waiting jobs have the queueing lock {q}" for q, n in waiting.items() if q and n > 1)


def _holders(jobs: State, state: State) -> Iterator[str]:
    for i, job in jobs.items():
        holder = state["sessions"].get(str(job["holder"]))
        if job["status"] == "running" and holder not in ("live", "late"):
            yield f"job {i} runs in session {job['holder']}, which is {holder}"
        if job["gate"] is not None and (job["crashes"] or 0) >= 3:
            yield f"job {i} waits after its third crash"


def _results(jobs: State, state: State) -> Iterator[str]:
    ends = Counter(run[0] for run in state["runs"] or () if run[4] in _ENDS)
    good = Counter(run[0] for run in state["runs"] or () if run[4] == "succeeded")
    for i, job in jobs.items():
        if good[i] != (job["status"] == "succeeded"):
            yield f"job {i} is {job['status']} and has {good[i]} accepted results"
        if ends[i] != job["attempts"]:
            yield f"job {i} counts {job['attempts']} attempts and has {ends[i]} ended runs"


def _claims(jobs: State, was: State) -> Iterator[str]:
    for i, job in jobs.items():
        old = was.get(i, {"claim_no": 0, "status": "ready"})
        begun = job["status"] == "running" and job["claim_no"] > old["claim_no"]
        if job["claim_no"] != old["claim_no"] + begun:
            yield f"job {i}: claim {old['claim_no']} became {job['claim_no']} and it is {job['status']}"
        if job["status"] == "running" and old["status"] in _FINAL:
            yield f"job {i} had {old['status']} and runs again"


def _told(jobs: State, was: State, state: State) -> Iterator[str]:
    """Who subscribes hears of every end once; the ones of before are acknowledged."""
    told = Counter((i, event) for i, event in state["told"] or ())
    ended = {
        (i, job["status"])
        for i, job in jobs.items()
        if job["status"] in _FINAL and was.get(i, {}).get("status") not in _FINAL
    }
    yield from (
        f"the end of job {i} ({event}) is told {told[i, event]} times"
        for i, event in ended
        if told[i, event] != 1
    )
    yield from (f"job {i} has not {event}, and that is told" for i, event in told.keys() - ended)
