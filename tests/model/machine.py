"""Random histories: each step is done in the database and in the model, and all that shows must agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.invariants import broken
from tests.model.items import Claim, Done, Exchange, GiveUp, NewJob, Outcome
from tests.model.model import Model, Refused, Session
from tests.model.system import QUEUES, System, done_item, retry_item
from tests.support.cluster import login_name
from tests.support.stage import channel

# Few of each, so that histories meet: two logins, three queues, two locks.
roles = st.sampled_from(["worker", "worker2"])
subscriptions = st.sampled_from([None, ["a"], ["a", "b"], ["b", "c"]])
locks = st.sampled_from([None, None, "L", "L", "M"])
picks = st.integers(0, 30)
new_jobs = st.builds(
    NewJob,
    queue=st.sampled_from(QUEUES),
    priority=st.integers(0, 2),
    lock=locks,
    queueing_lock=st.sampled_from([None, None, None, "Q", "R"]),
    hours=st.sampled_from([0, 0, 0, 0, 1, 2]),
    expires=st.sampled_from([None] * 6 + [0, 1, 2]),
    max_attempts=st.sampled_from([None, None, 1, 2]),
)
reasons = st.sampled_from([None, "error", "timeout", "expired"])
outcomes = st.one_of(
    st.builds(Outcome, st.just("succeeded"), result=st.one_of(st.none(), st.integers(0, 9))),
    st.builds(Outcome, st.sampled_from(["failed", "aborted"]), reason=reasons),
    st.sampled_from([
        Outcome("succeeded", text='"a\\u0000b"', refused="not_json"),
        Outcome("succeeded", text="no JSON", refused="not_json"),
        Outcome("failed", reason="no such reason", refused="not_json"),
        Outcome("succeeded", refused="oversized"),
    ]),
)  # fmt: skip
again = st.fixed_dictionaries({
    "hours": st.sampled_from([0, 0, 1, 2]),
    "priority": st.sampled_from([None, None, 0, 2]),
    "queue": st.sampled_from([None, None, "a", "c"]),
    "lock": st.sampled_from([None, None, "L", "M"]),
    "nul": st.sampled_from([False] * 9 + [True]),
    "long_queue": st.sampled_from([False] * 9 + [True]),
})  # fmt: skip
# A claim of one's own, mostly; else any that was ever handed out to anybody.
which = st.tuples(st.sampled_from(["held", "held", "held", "near", "other", "any"]), picks)

claims = st.fixed_dictionaries({"want": st.integers(0, 4), "free": st.integers(0, 4), "alone": st.booleans()})


class JobMachine(RuleBasedStateMachine):
    system: ClassVar[System]

    def __init__(self) -> None:
        super().__init__()
        self.system.reset()
        self.model = Model(QUEUES)
        self.before: dict[str, Any] = {}

    # --- choosing --------------------------------------------------------------------------------------

    def _session(self, pick: int) -> Session:
        usable = [session for session in self.model.sessions.values() if session.usable]
        return usable[pick % len(usable)]

    def _job(self, pick: int, *statuses: str) -> int:
        """Mostly a job that has one of these statuses; else any, or an id that no job has."""
        fitting = [job.id for job in self.model.jobs.values() if job.shown in statuses]
        if fitting and pick % 8 != 7:
            return fitting[pick % len(fitting)]
        return pick % (self.model.drawn + 2)

    def _claim_of(self, session: Session, kind: str, pick: int) -> Claim:
        """held: the session's own; near: another claim of such a job; other: not its own; any."""
        running = [job for job in self.model.jobs.values() if job.status == "doing"]
        held = [(job.id, job.claim_no) for job in running if (job.holder == session.id) != (kind == "other")]
        known = held if kind != "any" and held else self.model.handed_out
        if not known:
            return (pick + 1, 1)
        job_id, claim_no = known[pick % len(known)]
        return (job_id, claim_no + pick % 2 * 2 - 1) if kind == "near" else (job_id, claim_no)

    def _moment(self) -> int:
        self.model.moments += 1
        return self.model.moments

    # --- jobs come -------------------------------------------------------------------------------------

    @precondition(lambda self: sum(job.status == "todo" for job in self.model.jobs.values()) < 12)
    @rule(jobs=st.lists(new_jobs, min_size=1, max_size=4))
    def enqueue(self, jobs: list[NewJob]) -> None:
        jobs = [replace(job, moment=self._moment()) for job in jobs]
        ids, conflicts = self.model.enqueue(jobs)
        answer = self.system.enqueue(jobs)
        note(f"enqueue {jobs} -> {answer}")
        assert (answer["ids"], answer.get("conflicts", {})) == (ids, conflicts)

    # --- workers ---------------------------------------------------------------------------------------

    @initialize(jobs=st.lists(new_jobs, min_size=3, max_size=6), queues=subscriptions)
    def begin(self, jobs: list[NewJob], queues: list[str] | None) -> None:
        self.open("worker", None)
        self.open("worker2", queues)
        self.enqueue(jobs)

    @precondition(lambda self: sum(s.usable for s in self.model.sessions.values()) < 4)
    @rule(role=roles, queues=subscriptions)
    def open(self, role: str, queues: list[str] | None) -> None:
        session = self.system.open(role, queues)
        note(f"open {role} {queues} -> session {session}")
        self.model.open(session, login_name(role), queues)

    @precondition(lambda self: self._has_session())
    @rule(
        who=picks,
        done=st.lists(st.tuples(which, outcomes), max_size=3),
        retry=st.lists(st.tuples(which, again), max_size=2),
        release=st.lists(which, max_size=2),
        started=st.lists(which, max_size=2),
        claim=claims,
        twice=st.booleans(),
    )
    def exchange(
        self, who: int, done: list[Any], retry: list[Any], release: list[Any], started: list[Any],
        claim: dict[str, Any], twice: bool,
    ) -> None:  # fmt: skip
        """Everything at once, and the same outcomes twice now and then."""
        session = self._session(who)
        outcome_of = {self._claim_of(session, *pick): how for pick, how in done}
        retry_of = {self._claim_of(session, *pick): how for pick, how in retry}
        call = Exchange(
            [Done(claim, how) for claim, how in outcome_of.items()] * (1 + twice),
            [GiveUp(claim, **how, moment=self._moment()) for claim, how in retry_of.items()],
            [self._claim_of(session, *pick) for pick in release],
            [self._claim_of(session, *pick) for pick in started],
            **claim,
        )
        self._exchange(session, call)

    @precondition(lambda self: self._has_session())
    @rule(who=picks, claim=claims)
    def claim(self, who: int, claim: dict[str, Any]) -> None:
        self._exchange(self._session(who), Exchange(**claim))

    @precondition(lambda self: self._has_session() and self._has("ready"))
    @rule(who=picks, want=st.integers(2, 4))
    def prefetch(self, who: int, want: int) -> None:
        self._exchange(self._session(who), Exchange(want=want, free=1))

    @precondition(lambda self: self._holding())
    @rule(who=picks, what=which, how=outcomes)
    def settle(self, who: int, what: Any, how: Outcome) -> None:
        holding = self._holding()
        session = holding[who % len(holding)]
        self._exchange(session, Exchange([Done(self._claim_of(session, *what), how)]))

    @precondition(lambda self: self._holding())
    @rule(who=picks, want=st.integers(0, 4))
    def release_all(self, who: int, want: int) -> None:
        """And perhaps the same jobs again, under another claim."""
        holding = self._holding()
        session = holding[who % len(holding)]
        held = [(job.id, job.claim_no) for job in self.model.held(session.id)]
        self._exchange(session, Exchange(release=held, want=want, free=want))

    @precondition(lambda self: self._holding())
    @rule(who=picks, hours=st.integers(0, 2))
    def back_off(self, who: int, hours: int) -> None:
        """Locks and all: what waits for its next try keeps its place."""
        holding = self._holding()
        session = holding[who % len(holding)]
        held = [(job.id, job.claim_no) for job in self.model.held(session.id)]
        self._exchange(
            session, Exchange(retry=[GiveUp(one, hours, self._moment()) for one in held], want=2, free=2)
        )

    def _exchange(self, session: Session, call: Exchange) -> None:
        expected = self.model.exchange(session, call)
        answer = self.system.sessions[session.id].exchange(
            done=[done_item(item) for item in call.done],
            retry=[retry_item(item) for item in call.retry] or None,
            release=call.release or None,
            notes={"started": call.started} if call.started else None,
            want=call.want,
            free=call.free,
            alone=call.alone,
        )
        note(f"session {session.id}: {call} -> {answer}")
        assert [(job["id"], job["claim_no"]) for job in answer["jobs"]] == expected.jobs
        assert sorted(answer.get("stale", [])) == sorted(expected.stale)
        assert {int(job_id) for job_id in answer.get("failed", {})} == expected.failed
        assert sorted(answer.get("abort", [])) == expected.abort
        assert answer.get("more") == expected.more
        assert answer.get("suspect", False) == expected.suspect
        assert (answer["due"] is not None if "due" in answer else None) == expected.due
        _signals(expected.freed, answer.get("wake", []))

    @precondition(lambda self: self._has_session())
    @rule(who=picks, held=st.lists(which, max_size=3))
    def resume(self, who: int, held: list[Any]) -> None:
        session = self._session(who)
        claims = [self._claim_of(session, *pick) for pick in held]
        stranger = self.system.stranger(session.id, session.login.removeprefix("onewriter_test_"))
        answer = self.system.sessions[session.id].resume(
            [{"id": job_id, "claim_no": claim_no} for job_id, claim_no in claims]
        )
        note(f"resume of session {session.id} holding {claims} -> {answer}")
        self.model.resume(session, claims)
        assert "secret" in answer
        assert stranger.exchange(want=3) == {"gone": True, "jobs": []}, "the old secret still opens"

    @precondition(lambda self: self._has_session())
    @rule(who=picks)
    def close(self, who: int) -> None:
        session = self._session(who)
        answer = self.system.sessions[session.id].close()
        note(f"close session {session.id} -> {answer}")
        assert answer == {"returned": self.model.close(session)}

    @precondition(lambda self: self.model.sessions)
    @rule(who=picks, other=st.booleans(), what=which, verb=st.sampled_from(["exchange", "resume", "close"]))
    def intrude(self, who: int, other: bool, what: Any, verb: str) -> None:
        """With a session that is over, of another login, or with another secret."""
        session = [*self.model.sessions.values()][who % len(self.model.sessions)]
        role = session.login.removeprefix("onewriter_test_")
        if session.usable:
            role = {"worker": "worker2", "worker2": "worker"}[role] if other else role
            stranger = self.system.stranger(session.id, role, None if other else "guess")
        else:
            stranger = self.system.stranger(session.id, role)
        note(f"{verb} by a stranger ({role}) with session {session.id}")
        claim = self._claim_of(session, *what)
        item = done_item(Done(claim, Outcome("succeeded", 1)))
        calls: dict[str, Callable[[], Any]] = {
            "exchange": lambda: stranger.exchange(done=[item], want=3),
            "resume": stranger.resume,
            "close": stranger.close,
        }
        assert calls[verb]().get("gone") is True
        if verb == "exchange":
            self.model.report_after_loss(session, claim)

    # --- the scheduler, and time -------------------------------------------------------------------------

    @rule(step=st.sampled_from(["lease_ends", "rescue", "expire", "time_passes"]), pick=picks)
    def time_goes_on(self, step: str, pick: int) -> None:
        getattr(self, step)(pick)

    def time_passes(self, pick: int) -> None:
        hours = 1 + pick % 2
        note(f"{hours} hours pass")
        self.system.advance(hours)
        self.model.clock += hours

    def lease_ends(self, pick: int) -> None:
        live = [session for session in self.model.sessions.values() if session.state == "live"]
        if not live:
            return
        session = live[pick % len(live)]
        note(f"the lease of session {session.id} ends")
        self.system.end_lease(session.id)
        session.state, session.late_since = "late", self._moment()

    def rescue(self, _pick: int = 0) -> None:
        answer = self.system.call("server_api.rescue()")
        note(f"rescue -> {answer}")
        taken, returned, ended, freed = self.model.rescue()
        assert (answer["session"], answer["returned"], answer["failed"]) == (taken, returned, ended)
        assert (answer["next"] is None) == (not self._has_session())
        _signals(freed, answer["wake"])

    def expire(self, _pick: int = 0) -> None:
        answer = self.system.call("server_api.expire()")
        note(f"expire -> {answer}")
        expired, freed = self.model.expire()
        assert answer["expired"] == expired
        _signals(freed, answer["wake"])

    @precondition(lambda self: self._holding())
    @rule(who=picks)
    def worker_dies(self, who: int) -> None:
        """A lease that ends and the sweep behind it: the shortest way to a crash."""
        holding, live = self._holding(), [s for s in self.model.sessions.values() if s.state == "live"]
        self.lease_ends(live.index(holding[who % len(holding)]))
        self.rescue()

    # --- people ----------------------------------------------------------------------------------------

    @rule(
        verb=st.sampled_from(["cancel", "cancel", "retry", "retry", "run_now", "remove", "pause_or_resume"]),
        pick=picks,
    )
    def person_acts(self, verb: str, pick: int) -> None:
        getattr(self, verb)(pick)

    def cancel(self, pick: int) -> None:
        job_id = self._job(pick, "ready", "waiting", "scheduled", "running")
        expected = _outcome(lambda: self.model.cancel(job_id))
        answer = _outcome(lambda: self.system.call("server_api.cancel(%s, 'me', null)", job_id))
        note(f"cancel {job_id} -> {answer}")
        if not _refused(answer, expected):
            assert answer["status"] == expected[0]
            _signals(expected[1], answer["wake"])

    def retry(self, pick: int) -> None:
        job_id = self._job(pick, "failed", "cancelled", "aborted")
        expected = _outcome(lambda: self.model.retry(job_id))
        answer = _outcome(lambda: self.system.call("server_api.retry(%s, 'me', null)", job_id))
        note(f"retry {job_id} -> {answer}")
        if not _refused(answer, expected):
            assert answer["status"] == "ready"
            _signals(expected, answer["wake"])

    def run_now(self, pick: int) -> None:
        job_id = self._job(pick, "scheduled", "succeeded")
        expected = _outcome(lambda: self.model.run_now(job_id))
        answer = _outcome(lambda: self.system.call("server_api.run_now(%s, 'me', 'why')", job_id))
        note(f"run_now {job_id} -> {answer}")
        if not _refused(answer, expected):
            assert (answer["job_id"], answer["created"]) == expected

    def remove(self, pick: int) -> None:
        job_id = self._job(pick, "succeeded", "cancelled")
        expected = _outcome(lambda: self.model.remove(job_id))
        answer = _outcome(lambda: self.system.call("operator_api.remove(%s, 'why')", job_id, role="dba"))
        note(f"remove {job_id} -> {answer}")
        if not _refused(answer, expected):
            assert answer == "gone"

    def pause_or_resume(self, pick: int) -> None:
        """One queue at a time: where all are paused, nothing happens."""
        queue = next(iter(self.model.paused), QUEUES[pick % len(QUEUES)])
        verb = "resume" if queue in self.model.paused else "pause"
        note(f"{verb} queue {queue}")
        self.system.call(f"operator_api.{verb}(%s, 'why')", queue, role="dba")
        self.model.paused ^= {queue}

    # --- the comparison --------------------------------------------------------------------------------

    @invariant()
    def both_agree(self) -> None:
        state = self.system.state()
        assert broken(state, self.before) == []
        self.before = state
        self.system.acknowledge()
        found = differences({**state, "told": None}, shown(self.model))
        assert found == [], found

    def _has(self, *statuses: str) -> bool:
        return any(job.shown in statuses for job in self.model.jobs.values())

    def _holding(self) -> list[Session]:
        """Live sessions that have jobs."""
        return [s for s in self.model.sessions.values() if s.state == "live" and self.model.held(s.id)]

    def _has_session(self) -> bool:
        return any(session.usable for session in self.model.sessions.values())


def shown(model: Model) -> dict[str, Any]:
    """The model's state as the database tells its own."""
    jobs = {str(job.id): {
        "status": job.shown, "queue": job.queue, "priority": job.priority, "lock": job.lock,
        "queueing_lock": job.queueing_lock, "attempts": job.attempts, "max_attempts": job.max_attempts,
        "crashes": job.crashes, "abort": job.abort, "reason": job.reason if job.status == "failed" else None,
        "result": job.result, "claim_no": job.claim_no, "gate": job.gate if job.status == "todo" else None,
        "has_place": job.has_place, "holder": job.holder if job.status == "doing" else None,
        "started": job.status == "doing" and job.started, "expires": job.expires is not None,
    } for job in model.jobs.values()}  # fmt: skip
    runs = [[*claim, run.attempt, run.session, run.status, run.reason, run.result]
            for claim, run in sorted(model.runs.items())]  # fmt: skip
    return {
        "jobs": jobs, "runs": runs or {}, "events": [list(e) for e in sorted(model.events)] or {},
        "late": [list(late) for late in sorted(model.late)] or {},
        "sessions": {str(s.id): s.state for s in model.sessions.values()},
        "paused": sorted(model.paused) or {},
    }  # fmt: skip


def differences(real: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Where the database and the model disagree: `path: database, not model`."""
    if not isinstance(real, dict) or not isinstance(expected, dict):
        return [f": {real}, not {expected}"] if real != expected else []
    return [f".{name}{rest}" for name in sorted({*real, *expected})
            for rest in differences(real.get(name), expected.get(name))]  # fmt: skip


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Refused as refused:
        return refused


def _refused(answer: Any, expected: Any) -> bool:
    """Whether both refuse, and for the same reason; it fails where only one does."""
    outcomes = [(o.sqlstate, o.detail) if isinstance(o, Refused) else None for o in (answer, expected)]
    assert outcomes[0] == outcomes[1]
    return outcomes[0] is not None


def _signals(queues: set[str], wake: list[str]) -> None:
    """Whoever waits for one of these queues is woken."""
    wanted = {channel(queue) for queue in queues} | ({"ow_any"} if queues else set())
    assert wanted <= set(wake), f"nobody hears of jobs in {queues}"
