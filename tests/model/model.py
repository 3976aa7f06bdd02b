"""The job's state machine as design and docs tell it, in plain Python: one thing happens at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from tests.model.items import Claim, Done, Exchange, GiveUp, NewJob, Outcome

Kind = Literal["retry", "release", "lost"]
Moment = tuple[int, int]  # the hour, and what orders two moments of one hour


class Refused(Exception):
    """The call changes nothing: SQLSTATE and the detail that names why."""

    def __init__(self, sqlstate: str, **detail: Any) -> None:
        super().__init__(sqlstate, detail)
        self.sqlstate, self.detail = sqlstate, detail


@dataclass
class Job:
    id: int
    queue: str
    priority: int = 0
    lock: str | None = None
    queueing_lock: str | None = None
    max_attempts: int | None = None
    due: Moment | None = None
    expires: int | None = None
    status: str = "todo"
    gate: int = 0
    claim_no: int = 0
    attempts: int = 0
    crashes: int | None = None
    holder: int | None = None
    started: bool = False
    abort: bool = False
    reason: str | None = None
    result: Any = None

    @property
    def shown(self) -> str:
        """Its status in the API's words."""
        waiting = {2: "scheduled", 3: "waiting"}.get(self.gate, "ready")
        return {"todo": waiting, "doing": "running"}.get(self.status, self.status)

    @property
    def has_place(self) -> bool:
        """Whether it stands in its lock's line: what waits for its first start time does not."""
        return self.status == "todo" and (self.gate != 2 or self.claim_no > 0)

    def last_run(self) -> bool:
        """Whether one more end of a run is its last."""
        return self.abort or (self.max_attempts is not None and self.attempts + 1 >= self.max_attempts)


@dataclass
class Run:
    """A run that ended."""

    attempt: int
    session: int
    status: str
    reason: str | None
    result: Any = None


@dataclass
class Session:
    id: int
    login: str
    queues: list[str] | None
    state: str = "live"  # late: past its lease and not swept yet; lost; closed
    late_since: int = 0

    @property
    def usable(self) -> bool:
        return self.state in ("live", "late")


@dataclass
class Answer:
    """What an exchange must say. `freed`: queues whose workers must hear of a job."""

    stale: list[int] = field(default_factory=list)
    failed: set[int] = field(default_factory=set)
    jobs: list[Claim] = field(default_factory=list)
    more: bool | None = None
    due: bool | None = None
    suspect: bool = False
    abort: list[int] = field(default_factory=list)
    freed: set[str] = field(default_factory=set)


@dataclass
class Model:
    queues: tuple[str, ...]
    clock: int = 0
    drawn: int = 0
    jobs: dict[int, Job] = field(default_factory=dict)
    runs: dict[Claim, Run] = field(default_factory=dict)
    events: list[tuple[int, str]] = field(default_factory=list)
    late: list[tuple[int, int, int, str]] = field(default_factory=list)
    sessions: dict[int, Session] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    handed_out: list[Claim] = field(default_factory=list)
    moments: int = 0

    # --- enqueue ---------------------------------------------------------------------------------------

    def enqueue(self, jobs: Iterable[NewJob]) -> tuple[list[int | None], dict[str, int]]:
        """The ids, none for a job that its queueing lock keeps out; by place, who has that lock."""
        ids: list[int | None] = []
        conflicts = {}
        for place, new in enumerate(jobs):
            self.drawn += 1
            other = self._waiting_with(new.queueing_lock)
            if other is not None:
                conflicts[str(place)] = other.id
                ids.append(None)
            else:
                self._add(self.drawn, new)
                ids.append(self.drawn)
        return ids, conflicts

    def _add(self, job_id: int, new: NewJob) -> None:
        due = None if not new.hours else (self.clock + new.hours, new.moment)
        expires = None if new.expires is None else self.clock + new.expires
        gate = 2 if due else _gate(new.lock)
        self.jobs[job_id] = Job(
            job_id,
            new.queue,
            new.priority,
            new.lock,
            new.queueing_lock,
            new.max_attempts,
            due,
            expires,
            gate=gate,
        )

    def _waiting_with(self, queueing_lock: str | None, but: int = 0) -> Job | None:
        return next((job for job in self.jobs.values() if queueing_lock is not None and job.id != but
                     and job.status == "todo" and job.queueing_lock == queueing_lock), None)  # fmt: skip

    # --- a worker's calls ------------------------------------------------------------------------------

    def open(self, session: int, login: str, queues: list[str] | None) -> None:
        self.sessions[session] = Session(session, login, queues)

    def held(self, session: int) -> list[Job]:
        return [job for job in self.jobs.values() if job.status == "doing" and job.holder == session]

    def exchange(self, session: Session, call: Exchange) -> Answer:
        answer, locks = Answer(), []
        before = self._ready()
        for item in call.done:
            locks += self._settle(session, item, answer)
        locks += self._retries(session, call.retry, answer)
        locks += self._give_back(session.id, "release", call.release)
        self._unpark(locks)
        for key in call.started:
            if job := self._holding(session.id, key):
                job.started = True
        freed = self.claimable() - before
        if call.want > 0:
            self._claim(session, call.want, call.free, call.alone, answer)
        answer.freed = self._queues_of(freed & self.claimable())
        answer.abort = sorted(job.id for job in self.held(session.id) if job.abort)
        session.state = "live"
        return answer

    def report_after_loss(self, session: Session, claim: Claim) -> None:
        """What a lost worker still sends is refused; evidence, unless it had been recorded before."""
        run = self.runs.get(claim)
        if session.state == "lost" and (run is None or run.session != session.id or run.reason == "lost"):
            self.late.append((*claim, session.id, session.login))

    def resume(self, session: Session, held: list[Claim]) -> None:
        self._return_all(session, held)
        session.state = "live"

    def close(self, session: Session) -> int:
        session.state = "closed"
        return self._return_all(session, [])

    def _return_all(self, session: Session, but: list[Claim]) -> int:
        claims = [(job.id, job.claim_no) for job in self.held(session.id)]
        back = [claim for claim in claims if claim not in but]
        asked = sum(self.jobs[job_id].abort for job_id, _ in back)
        self._unpark(self._give_back(session.id, "release", back))
        return len(back) - asked

    def _holding(self, session: int, claim: Claim) -> Job | None:
        job = self.jobs.get(claim[0])
        held = job and job.status == "doing" and job.holder == session and job.claim_no == claim[1]
        return job if held else None

    # --- ends ------------------------------------------------------------------------------------------

    def _settle(self, session: Session, item: Done, answer: Answer) -> list[str | None]:
        job = self._holding(session.id, item.claim)
        if job is None:
            run = self.runs.get(item.claim)
            if run is None or run.session != session.id:
                answer.stale.append(item.claim[0])
                self.late.append((*item.claim, session.id, session.login))
            return []
        outcome = item.outcome
        if outcome.refused:
            answer.failed.add(job.id)
            outcome = Outcome("failed", reason=outcome.refused)
        return self._finish(job, outcome.status, outcome.reason, outcome.result)

    def _finish(self, job: Job, status: str, reason: str | None, result: Any = None) -> list[str | None]:
        job.status, job.reason, job.result = status, reason, result
        job.attempts += 1
        job.abort = False
        assert job.holder is not None
        self.runs[job.id, job.claim_no] = Run(job.attempts, job.holder, status, reason, result)
        return [job.lock]

    def _retries(self, session: Session, items: list[GiveUp], answer: Answer) -> list[str | None]:
        """At once where all are acceptable, in the order of ids; else each for itself, as they come."""
        refused = [self._is_refused(session, item) for item in items]
        if not any(refused):
            return self._apply_retries(session.id, items)
        locks: list[str | None] = []
        for item in items:
            if not self._is_refused(session, item):
                locks += self._apply_retries(session.id, [item])
                continue
            answer.failed.add(item.claim[0])
            if job := self._holding(session.id, item.claim):
                locks += self._finish(job, "failed", "error")
        return locks

    def _is_refused(self, session: Session, item: GiveUp) -> bool:
        """Nobody looks at the queue where the run is not the session's to give back, or was the last."""
        job = self._holding(session.id, item.claim)
        return item.nul or (item.long_queue and job is not None and not job.last_run())

    def _apply_retries(self, session: int, items: list[GiveUp]) -> list[str | None]:
        jobs = {item.claim: self._holding(session, item.claim) for item in items}
        over = [job for job in jobs.values() if job is not None and job.last_run()]
        locks: list[str | None] = []
        for job in over:
            locks += self._finish(job, "aborted" if job.abort else "failed", "error")
        return locks + self._give_back(session, "retry", [item.claim for item in items], items)

    # --- ways back -------------------------------------------------------------------------------------

    def _give_back(
        self, session: int, kind: Kind, claims: list[Claim], items: list[GiveUp] | None = None
    ) -> list[str | None]:
        """The locks whose first place may have changed."""
        locks: list[str | None] = []
        given = items or [GiveUp(claim) for claim in claims]
        for item in sorted(given, key=lambda item: item.claim[0]):
            job = self._holding(session, item.claim)
            if job is None:
                continue
            locks.append(job.lock)
            if kind == "release" and job.abort:
                self._finish(job, "aborted", None)
            else:
                self._return(job, kind, item)
        return locks

    def _return(self, job: Job, kind: Kind, item: GiveUp) -> None:
        if self._waiting_with(job.queueing_lock, but=job.id):
            job.queueing_lock = None
            self.events.append((job.id, "queueing_lock_lost"))
        if kind == "release" and job.started:
            self.events.append((job.id, "released"))
        if kind == "retry" or (kind == "lost" and job.started):
            status, reason = ("retried", "error") if kind == "retry" else ("lost", "lost")
            assert job.holder is not None
            self.runs[item.claim] = Run(job.attempts + 1, job.holder, status, reason)
        job.attempts += kind == "retry"
        if kind == "lost":
            job.crashes = (job.crashes or 0) + job.started
        job.lock = item.lock or job.lock
        job.queue = item.queue or job.queue
        job.priority = job.priority if item.priority is None else item.priority
        job.due = (self.clock + item.hours, item.moment) if item.hours else None
        job.gate = 2 if job.due else _gate(job.lock)
        job.status, job.holder, job.started, job.abort = "todo", None, False, False

    # --- places ----------------------------------------------------------------------------------------

    def _first_place(self, lock: str) -> Job | None:
        """The one that runs, else the best that waits."""
        same = [job for job in self.jobs.values() if job.lock == lock]
        running = next((job for job in same if job.status == "doing"), None)
        return running or min((job for job in same if job.has_place), key=_rank, default=None)

    def _unpark(self, locks: Iterable[str | None]) -> None:
        for lock in {lock for lock in locks if lock is not None}:
            places = [job for job in self.jobs.values() if job.lock == lock and job.has_place]
            first = min(places, key=_rank, default=None)
            if first is not None and first.gate == 3:
                first.gate = 1

    def claimable(self) -> set[int]:
        """What some worker may have at once: nothing but its queue's pause or its expiry stands before it."""
        return {job.id for job in self.jobs.values() if job.status == "todo" and job.gate < 2
                and (job.lock is None or self._first_place(job.lock) is job)}  # fmt: skip

    def _ready(self) -> set[int]:
        """What a worker that looked has seen: it has it, or has parked it."""
        return {job.id for job in self.jobs.values() if job.status == "todo" and job.gate < 2}

    def _queues_of(self, ids: Iterable[int]) -> set[str]:
        return {self.jobs[job_id].queue for job_id in ids}

    # --- claim -----------------------------------------------------------------------------------------

    def _claim(self, session: Session, want: int, free: int, alone: bool, answer: Answer) -> None:
        self._promote(session.queues, want)
        found, too_many = self._candidates(session.queues, want, alone)
        plain = not too_many and all(job.gate == 0 and job.crashes is None for job in found)
        taken, parked = (found, 0) if plain else self._choose(found, want, free)
        left = 0 if plain else len(found) - len(taken) - parked
        for place, job in enumerate(taken):
            job.status, job.holder = "doing", session.id
            job.claim_no += 1
            job.started = free >= want or place < free
            self.handed_out.append((job.id, job.claim_no))
        answer.jobs = [(job.id, job.claim_no) for job in taken]
        answer.more = len(taken) >= want or parked > 0 or left > 0
        mine = [job for job in self.jobs.values() if job.status == "todo" and _in(session.queues, job.queue)]
        if len(taken) < want:
            answer.due = any(job.gate == 2 for job in mine)
        answer.suspect = not alone and any(job.crashes and job.gate < 2 for job in mine)

    def _promote(self, queues: list[str] | None, most: int) -> None:
        due = [job for job in self.jobs.values() if job.status == "todo" and job.gate == 2
               and job.due and job.due[0] <= self.clock and _in(queues, job.queue)]  # fmt: skip
        for job in sorted(due, key=lambda job: job.due or (0, 0))[:most]:
            job.gate = _gate(job.lock)

    def _candidates(self, queues: list[str] | None, want: int, alone: bool) -> tuple[list[Job], bool]:
        """The best ready jobs, and whether queues offered more together than is wanted."""
        ready = [job for job in sorted(self.jobs.values(), key=_rank)
                 if job.status == "todo" and job.gate < 2 and _in(queues, job.queue)
                 and job.queue not in self.paused and not self._has_expired(job)
                 and (alone or not job.crashes)]  # fmt: skip
        if queues is None and not self.paused:
            return ready[:want], False
        by_queue = groupby(sorted(ready, key=lambda job: job.queue), key=lambda job: job.queue)
        found = sorted((job for _, jobs in by_queue for job in list(jobs)[:want]), key=_rank)
        return found, len(found) > want

    def _choose(self, found: list[Job], want: int, free: int) -> tuple[list[Job], int]:
        """A suspect goes alone; what waited in a lost worker is not prefetched; a lock's first place only."""
        best = found[:want]
        if best and best[0].crashes:
            best = best[:1]
        best = [job for n, job in enumerate(best)
                if n == 0 or (not job.crashes and (job.crashes is None or n < free))]  # fmt: skip
        firsts = {job.lock: self._first_place(job.lock) for job in best if job.lock is not None}
        blocked = [job for job in best if job.lock is not None and firsts[job.lock] is not job]
        for job in blocked:
            job.gate = 3
        return [job for job in best if job not in blocked], len(blocked)

    # --- the scheduler's calls ---------------------------------------------------------------------------

    def rescue(self) -> tuple[int | None, int, int, set[str]]:
        """The session taken, jobs returned, jobs ended, queues to signal."""
        late = [session for session in self.sessions.values() if session.state == "late"]
        if not late:
            return None, 0, 0, set()
        session = min(late, key=lambda session: session.late_since)
        session.state = "lost"
        before, back, locks = self._ready(), [], []
        held = self.held(session.id)
        for job in held:
            if job.abort or (job.crashes or 0) + job.started >= 3:
                locks += self._finish(job, "aborted" if job.abort else "failed", "lost")
            else:
                back.append((job.id, job.claim_no))
        self._unpark(locks + self._give_back(session.id, "lost", back))
        return session.id, len(back), len(held) - len(back), self._queues_of(self.claimable() - before)

    def expire(self) -> tuple[int, set[str]]:
        late = [job for job in self.jobs.values() if job.status == "todo" and self._has_expired(job)]
        before = self._ready()
        for job in late:
            job.status, job.reason = "failed", "expired"
            self.events.append((job.id, "expired"))
        self._unpark(job.lock for job in late)
        return len(late), self._queues_of(self.claimable() - before)

    def _has_expired(self, job: Job) -> bool:
        return job.expires is not None and job.expires <= self.clock

    # --- a person's calls ------------------------------------------------------------------------------

    def cancel(self, job_id: int) -> tuple[str, set[str]]:
        job, before = self._known(job_id), self._ready()
        if job.status == "todo":
            job.status = "cancelled"
            self.events.append((job_id, "cancelled"))
            self._unpark([job.lock])
            return "cancelled", self._queues_of(self.claimable() - before)
        if job.status != "doing":
            raise Refused("OWS01", status=job.shown)
        if not job.abort:
            self.events.append((job_id, "abort_requested"))
        job.abort = True
        return "abort_requested", set()

    def retry(self, job_id: int) -> set[str]:
        job = self._known(job_id)
        if job.status not in ("failed", "cancelled", "aborted"):
            raise Refused("OWS01", status=job.shown)
        self._must_be_free(job.queueing_lock)
        if run := self.runs.get((job_id, job.claim_no)):
            run.result = None
        if job.max_attempts is not None:
            job.max_attempts = max(job.max_attempts, job.attempts + 1)
        if self._has_expired(job):
            job.expires = None
        job.status, job.gate, job.due = "todo", _gate(job.lock), None
        job.holder, job.crashes, job.reason, job.started = None, None, None, False
        self.events.append((job_id, "retried"))
        return {job.queue} if job_id in self.claimable() else set()

    def run_now(self, job_id: int) -> tuple[int, bool]:
        """The id of the job that runs, and whether it is a new one."""
        job = self._known(job_id)
        if job.shown in ("running", "ready", "waiting"):
            raise Refused("OWS01", status=job.shown)
        if job.status == "todo":
            job.gate = _gate(job.lock)
            self.events.append((job_id, "run_now"))
            return job_id, False
        self.drawn += 1  # an id is used up even where the lock is taken
        self._must_be_free(job.queueing_lock)
        self._add(self.drawn, NewJob(job.queue, job.priority, job.lock, job.queueing_lock,
                                     max_attempts=job.max_attempts))  # fmt: skip
        return self.drawn, True

    def remove(self, job_id: int) -> None:
        job = self._known(job_id)
        if job.status in ("todo", "doing"):
            raise Refused("OWS01", status=job.shown)
        del self.jobs[job_id]
        self.runs = {claim: run for claim, run in self.runs.items() if claim[0] != job_id}
        self.events = [event for event in self.events if event[0] != job_id]

    def _known(self, job_id: int) -> Job:
        if job_id not in self.jobs:
            raise Refused("OWN03" if 1 <= job_id <= self.drawn else "OWN01", job_id=job_id)
        return self.jobs[job_id]

    def _must_be_free(self, queueing_lock: str | None) -> None:
        if other := self._waiting_with(queueing_lock):
            raise Refused("OWQ01", job_id=other.id)


def _gate(lock: str | None) -> int:
    return 0 if lock is None else 1


def _in(queues: list[str] | None, queue: str) -> bool:
    return queues is None or queue in queues


def _rank(job: Job) -> tuple[int, int]:
    return -job.priority, job.id
