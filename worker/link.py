"""The link: a thread of its own that holds the session, exchanges with the database and sleeps.

It does not run tasks, so that heartbeats go on whatever the tasks' event loop does. One exchange
settles, claims and is the heartbeat; what ends while it is in flight goes with the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from time import monotonic
from typing import TypeVar

from procrastinate.job_context import AbortReason

from worker import session
from worker.answer import Answer, answer
from worker.batch import Batch
from worker.claims import Claim, Claims
from worker.desk import Desk
from worker.errors import Lost, ServerError
from worker.loopwatch import STUCK, LoopWatch
from worker.outcomes import Outcomes
from worker.run import Run
from worker.secrets import MARK, Secrets, values
from worker.settings import Settings
from worker.slots import Slots
from worker.wire import Wire

logger = logging.getLogger(__name__)

# serialization failure, deadlock, lock not available, statement timeout: the same exchange again.
_AGAIN = frozenset({"40001", "40P01", "55P03", "57014"})
# Signals at most this often; at once when quiet.
_NOTIFY_EVERY = 0.005
# A prefetched job that finds no slot for this long is given to somebody else.
_STALLED = 1.0
_BACKOFF = (0.1, 5.0)
_COMPLAIN_EVERY = 60.0

T = TypeVar("T")


class _Gone(Exception):
    """The session is no longer ours."""


class Link(threading.Thread):
    """Runs until the desk says `finish`, until nothing is left (one-shot), or until it is refused.

    `failure` holds what ended it otherwise; `ended` is set on the loop when the thread is over.
    """

    def __init__(
        self,
        settings: Settings,
        desk: Desk,
        slots: Slots,
        outcomes: Outcomes,
        identity: session.Identity,
        *,
        wait: bool,
        renew: Callable[[], None] | None,
    ):
        super().__init__(name="onewriter-link", daemon=True)
        self.failure: BaseException | None = None
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._settings, self._desk, self._slots, self._outcomes = settings, desk, slots, outcomes
        self._identity, self._wait, self._renew = identity, wait, renew
        self._held: dict[int, Run] = {}
        self._claims = Claims(desk, self._held, settings.prefetch)
        self._watch = LoopWatch(self._loop, threading.get_ident(), desk, settings.blocked_after)
        self._session: session.Session | None = None
        self._wire: Wire
        self._batch: Batch | None = None
        self._signals: set[str] = set()
        self._signalled = 0.0
        self._beat = 0.0
        self._backoff = 0.0
        self._down_since = 0.0
        self._complained = 0.0
        self._quarantined = False

    def run(self) -> None:
        try:
            self._live()
        except BaseException as exc:  # noqa: BLE001 (run() raises it on the loop)
            self.failure = exc
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.ended.set)

    def _live(self) -> None:
        while not (self._session is None and self._desk.stopping):
            try:
                with self._connected():
                    self._serve()
            except _Gone:
                self._drop_everything()
            except (Lost, ServerError) as exc:
                self._complain(exc)
                self._pause()
            else:
                return

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        self._wire = Wire(self._identity.dsn, max(self._settings.lease, 10.0), self._desk.wake_fd)
        try:
            if self._session is None:
                self._session = session.open_new(self._wire, self._identity)
                self._outcomes.session = self._session.id
            elif not session.resume(self._wire, self._session, self._identity, self._held):
                raise _Gone
            self._wire.listen(session.channels(self._session, self._identity))
            self._wire.prepare_exchange()
            self._claims.look_again()
            self._beat = 0.0
            yield
        finally:
            self._wire.close()

    def _serve(self) -> None:
        while True:
            now = monotonic()
            self._claims.blocked = self._watch.blocked(now) if self._held else 0.0
            self._tidy(now)
            if self._wants_exchange(now):
                self._exchange(now)
            elif self._over():
                self._finish()
                return
            else:
                self._sleep(now)

    def _tidy(self, now: float) -> None:
        """Gives back what cannot begin here soon."""
        desk, blocked = self._desk, self._claims.blocked
        stalled = desk.waiting and now - max(desk.last_end, self._claims.claimed_at) > _STALLED
        if (stalled or blocked > STUCK or desk.stopping) and desk.give_back_unstarted():
            logger.debug("Gave back jobs that could not begin")
        if blocked > STUCK:
            self._stop_blocker(now)

    def _stop_blocker(self, now: float) -> None:
        """A job past its timeout that holds up the loop itself: only a new process gets rid of it."""
        run = self._watch.blocker()
        slot = next((slot for slot in self._desk.slots if run is not None and slot.run is run), None)
        if run is None or slot is None or run.dead or not slot.deadline:
            return
        if now < slot.deadline + self._settings.timeout_grace or self._renew is None:
            return
        logger.error("Job %s[%s] blocks the event loop past its timeout; starting anew", run.task, run.id)
        self._outcomes.timed_out(run, self._slots.plans.get(run.task))
        run.dead = True
        self._desk.stopping = True
        while self._batch or self._desk.unsent():
            self._exchange(monotonic())
        self._finish()
        self._renew()

    def _wants_exchange(self, now: float) -> bool:
        wire = self._wire
        if wire.woken:
            wire.woken = False
            self._claims.look_again()
        if wire.summoned or now >= self._beat or self._batch or self._desk.unsent():
            return True
        return self._claims.worthwhile(now) or self._desk.books.due(now) or bool(self._unnoted())

    def _unnoted(self) -> list[Run]:
        """Prefetched jobs that have begun and of which the database doesn't know yet."""
        return [run for run in self._desk.running() if run.prefetched and not run.noted]

    def _exchange(self, now: float) -> None:
        assert self._session is not None
        batch = self._batch = self._batch or Batch(self._desk, now)
        started = self._unnoted()
        claim = self._claims.plan(now, len(batch))
        ours = batch.params([(run.id, run.claim) for run in started])
        params = [*self._session.params, *ours, *claim.params()]
        self._wire.summoned = False
        text = self._send(params, now)
        ended = monotonic()
        reply = answer(text)
        if reply.gone:
            raise _Gone
        runs = reply.jobs.runs() if reply.jobs is not None else []
        if MARK in text:
            self._ask_secrets([run for run in runs if MARK in bytes(run.args)])
        for run in started:
            run.noted = True
        self._beat, self._batch = ended + self._settings.heartbeat, None
        if self._down_since:
            logger.info("The connection to the database stands again")
        self._backoff = self._down_since = 0.0
        self._quarantined = False
        self._acknowledge(batch, reply)
        self._take_in(claim, runs)
        for id_ in reply.abort:
            self._ask_abort(self._held.get(id_))
        self._claims.learn(claim, reply, runs, ended, ended - now)

    def _send(self, params: list[bytes | None], now: float) -> bytes:
        channels = self._due_signals(now)
        text = _again(lambda: self._wire.exchange(params, channels))
        self._signals.difference_update(channels)
        return text

    def _due_signals(self, now: float) -> list[str]:
        if not self._signals or now - self._signalled < _NOTIFY_EVERY:
            return []
        self._signalled = now
        return sorted(self._signals)

    def _acknowledge(self, batch: Batch, reply: Answer) -> None:
        for id_ in batch.ids():
            self._held.pop(id_, None)
        if reply.stale:
            logger.info("Not the holder any more of jobs %s: their results were refused", reply.stale)
        for job_id, error in reply.failed.items():
            logger.error("The database could not take the outcome of job %s, it failed: %s", job_id, error)
        self._signals.update(reply.wake)

    def _ask_secrets(self, runs: list[Run]) -> None:
        """Before they are held: should that fail, they go back as if never claimed; the batch goes again."""
        own = self._session
        assert own is not None
        texts = _again(lambda: session.secrets(self._wire, own, runs))
        for run, text in zip(runs, texts, strict=True):
            run.secrets = Secrets(values(text) or {})

    def _take_in(self, claim: Claim, runs: list[Run]) -> None:
        if not runs:
            return
        self._held.update((run.id, run) for run in runs)
        for run in runs[claim.free :]:
            run.prefetched = True
        self._desk.waiting.extend(runs)
        self._loop.call_soon_threadsafe(self._slots.kick)

    def _ask_abort(self, run: Run | None) -> None:
        if run is not None and run.abort is None:
            # At once for a sync task's should_abort(); the loop cancels an async one.
            run.abort = AbortReason.USER_REQUEST
            self._loop.call_soon_threadsafe(self._slots.abort, run, AbortReason.USER_REQUEST)

    def _sleep(self, now: float) -> None:
        until = min(self._beat, self._claims.next_look())
        if self._signals and now - self._signalled < _NOTIFY_EVERY:
            until = min(until, self._signalled + _NOTIFY_EVERY)
        elif self._signals:
            self._wire.notify(sorted(self._signals))
            self._signals.clear()
            self._signalled = now
        if self._held:
            until = min(until, now + 0.5)
        desk = self._desk
        until = min(until, desk.books.next_look(now))
        desk.asleep = True
        idle = not (desk.unsent() or desk.books.due(monotonic()) or self._wire.woken)
        if idle and self._wire.sleep(until - monotonic()):
            desk.swallow_wakes()
        desk.asleep = False

    def _over(self) -> bool:
        if self._desk.finish:
            return True
        return not self._wait and not self._held and self._claims.exhausted()

    def _finish(self) -> None:
        """Everything is acknowledged: what is still held goes back, and the session ends."""
        if self._signals:
            self._wire.notify(sorted(self._signals))
        if self._session is not None:
            session.close(self._wire, self._session)
            self._session = None

    def _drop_everything(self) -> None:
        logger.warning("The session is gone: %d jobs here are cancelled; opening a new one", len(self._held))
        runs = list(self._held.values())
        for run in runs:
            run.dead = True
        self._session, self._batch = None, None
        for queue in (self._desk.waiting, self._desk.done, self._desk.retry, self._desk.release):
            queue.clear()
        self._desk.books.clear()
        self._held.clear()
        self._loop.call_soon_threadsafe(self._slots.cancel_dead, runs, AbortReason.SHUTDOWN)
        self._loop.call_soon_threadsafe(self._slots.settled_elsewhere)

    def _complain(self, exc: Exception) -> None:
        if not self._wait and self._session is None:
            raise exc
        self._down_since = self._down_since or monotonic()
        if self._desk.finish and monotonic() - self._down_since > self._settings.lease:
            logger.error("%d results could not be delivered; their jobs will run again", len(self._held))
            raise exc
        if isinstance(exc, ServerError) and exc.sqlstate == session.QUARANTINED:
            self._wait_for_arming(exc)
            return
        quiet = self._backoff >= _BACKOFF[1] and monotonic() - self._complained < _COMPLAIN_EVERY
        if not quiet:
            self._complained = monotonic()
        log = logger.debug if quiet else logger.warning
        log("No connection to the database, trying again: %s", str(exc).splitlines()[0] if str(exc) else exc)

    def _wait_for_arming(self, exc: ServerError) -> None:
        """One line however long it takes, and slowly from the first try on."""
        log = logger.debug if self._quarantined else logger.warning
        log("No jobs here until somebody arms it; %s", exc.message)
        self._quarantined, self._backoff = True, _BACKOFF[1]

    def _pause(self) -> None:
        self._backoff = min(max(self._backoff * 2, _BACKOFF[0]), _BACKOFF[1])
        deadline = monotonic() + _jitter(self._backoff / 2, self._backoff)
        while (left := deadline - monotonic()) > 0 and not self._desk.finish:
            time.sleep(min(left, 0.1))


def _again(call: Callable[[], T]) -> T:
    while True:
        try:
            return call()
        except ServerError as exc:
            if exc.sqlstate not in _AGAIN:
                raise
        time.sleep(_jitter(0.005, 0.05))


def _jitter(least: float, most: float) -> float:
    return random.uniform(least, most)
