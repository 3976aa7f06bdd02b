"""What the next exchange asks for: how many jobs, alone or not, from which floor, and when to look."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from worker.answer import Answer
from worker.demand import SHORT, Demand
from worker.desk import Desk
from worker.floor import Floor
from worker.loopwatch import STUCK
from worker.run import Run
from worker.suspects import Suspects

_FOREVER = 1e12


@dataclass(frozen=True, slots=True)
class Claim:
    want: int
    free: int
    alone: bool
    floor: bytes | None

    def params(self) -> list[bytes | None]:
        """_want, _free, _alone, _floor."""
        return [b"%d" % self.want, b"%d" % self.free, b"t" if self.alone else b"f", self.floor]


class Claims:
    """`blocked` is how long the event loop has not turned; a blocked loop gets no jobs."""

    def __init__(self, desk: Desk, held: dict[int, Run], prefetch: int):
        self.blocked = 0.0
        self.claimed_at = 0.0
        self._desk = desk
        self._held = held
        self._demand = Demand(prefetch)
        self._floor = Floor()
        self._suspects = Suspects()
        self._suspect: int | None = None
        self._maybe = True
        self._due: float | None = None
        self._not_before = 0.0

    def look_again(self) -> None:
        """A signal, a new connection: there may be work anywhere."""
        self._maybe, self._not_before = True, 0.0
        self._floor.scan_in_full()

    def exhausted(self) -> bool:
        return not self._maybe

    def next_look(self) -> float:
        """The moment of the next claim that nobody has to signal."""
        due = _FOREVER if self._due is None else self._due
        return min(due, self._not_before) if self._maybe and self._not_before > monotonic() else due

    def worthwhile(self, now: float) -> bool:
        """Whether an exchange for nothing but a claim makes sense now."""
        if self._due is not None and now >= self._due:
            self._due = None
            self.look_again()
        if not self._maybe or now < self._not_before:
            return False
        want, free = self._room(now, 0)
        return free > 0 or want > self._ahead(now) // 2

    def plan(self, now: float, carried: int) -> Claim:
        """`carried` outcomes travel with the exchange, so that their slots are free again."""
        want, free = self._room(now, carried)
        alone = want > 0 and self._active(carried) == 0
        return Claim(want, min(free, want), alone, self._floor.choose(now) if want else None)

    def learn(self, claim: Claim, reply: Answer, runs: list[Run], now: float, trip: float) -> None:
        self._demand.observe(now, trip, self._desk.ended, self._desk.busy)
        if not claim.want:
            return
        self._floor.note(runs)
        if claim.floor is None:
            self._floor.scanned(now, reply.scan)
        if runs:
            self.claimed_at = now
        if len(runs) == 1 and runs[0].crashes:
            self._suspect = runs[0].id
        self._due = None if reply.due is None else now + reply.due
        self._note_suspects(claim, reply, now)
        self._judge(claim, reply, len(runs))

    def _judge(self, claim: Claim, reply: Answer, got: int) -> None:
        """Is there reason to look again without a signal?"""
        self._not_before = 0.0
        if reply.more or got >= claim.want or self._suspects.waiting():
            self._maybe = True
        elif claim.floor is None:
            self._maybe = False
        else:
            # Never to sleep on a floored claim: the next scan in full may have to wait, though.
            self._maybe = True
            self._floor.scan_in_full()
            self._not_before = self._floor.next_full()

    def _note_suspects(self, claim: Claim, reply: Answer, now: float) -> None:
        if claim.alone:
            self._suspects.asked_alone()
        elif reply.suspect:
            self._suspects.passed_over(now)

    def _active(self, carried: int) -> int:
        """Jobs that run or wait here."""
        return len(self._held) - carried - self._desk.unsent()

    def _room(self, now: float, carried: int) -> tuple[int, int]:
        """Jobs wanted in all, and how many of them begin at once."""
        desk, active = self._desk, self._active(carried)
        draining = self._suspects.draining(now)
        if desk.stopping or self.blocked > STUCK or self._suspect in self._held:
            return 0, 0
        if active and draining:
            return 0, 0
        capacity = desk.capacity()
        free = max(capacity - active, 0)
        if draining or not capacity:
            return free, free
        return max(capacity + self._ahead(now) - active, 0), free

    def _ahead(self, now: float) -> int:
        """What to prefetch; nothing while a long job keeps the slots from turning."""
        return 0 if now - self._desk.last_end > SHORT else self._demand.prefetch()
