"""The Worker that stock's CLI runs: same constructor, run() and stop(), another engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import platform
import socket
import sys
from typing import Any

import procrastinate
from procrastinate import jobs, signals, utils
from procrastinate import worker as stock
from procrastinate.job_context import AbortReason

from worker import settings as settings_module
from worker.deadlines import Deadlines
from worker.desk import Desk
from worker.errors import Refused
from worker.link import Link
from worker.notes import Books
from worker.outcomes import Outcomes
from worker.session import Identity
from worker.settings import Settings
from worker.slots import Slots
from worker.versions import versions
from worker.wire import checked_dsn

logger = logging.getLogger(__name__)

IGNORED = (
    "fetch_job_polling_interval",
    "abort_job_polling_interval",
    "update_heartbeat_interval",
    "stalled_worker_timeout",
)


class Worker(stock.Worker):
    """`ignored` names the options that were given and mean nothing here."""

    books: Books

    def __init__(self, app: procrastinate.App, *, ignored: tuple[str, ...] = (), **options: Any):
        super().__init__(app=app, **options)
        if not isinstance(self.concurrency, int) or self.concurrency < 1:
            raise Refused(f"--concurrency {self.concurrency}: at least 1 is needed.")
        self.queues: list[str] | None = list(self.queues) if self.queues else None
        self._ignored = ignored
        self._renewing = False

    def stop(self) -> None:
        """From any thread, also from a middleware; a second call changes nothing."""
        if self._stop_event.is_set():
            return
        self.logger.info("Stop requested")
        if self._loop is None:
            self._stop_event.set()
        else:
            self._loop.call_soon_threadsafe(self._stop_event.set)

    async def run(self) -> None:
        """Until stopped, or, with wait=False, until nothing is left. Raises Refused, Lost."""
        self._stop_event.clear()
        self._loop = asyncio.get_running_loop()
        try:
            await self._run(settings_module.read())
        finally:
            self._loop = None

    async def _run(self, settings: Settings) -> None:
        self._refuse_options()
        self._say_what_is_ignored()
        identity = self._identity(settings)
        desk = Desk(self.concurrency)
        self.books = desk.books
        outcomes = Outcomes(desk)
        slots = Slots(self, desk, outcomes, settings.task_timeout)
        deadlines = Deadlines(slots, outcomes, settings.timeout_grace, lambda: self._count_lost(desk))
        renew = start_anew if self.install_signal_handlers else None
        link = Link(settings, desk, slots, outcomes, identity, wait=self.wait, renew=renew)
        self.logger.info("Starting worker %s on %s", identity.name, utils.queues_display(self.queues))
        handlers = signals.on_stop(self.stop) if self.install_signal_handlers else contextlib.nullcontext()
        link.start()
        try:
            with handlers:
                await self._until_stopped(link, outcomes)
                await self._shielded(self._drain(settings, desk, slots, link))
        finally:
            deadlines.close()
            clean = await slots.close(min(settings.timeout_grace, 1.0))
        self._end(link, clean)

    async def _until_stopped(self, link: Link, outcomes: Outcomes) -> None:
        try:
            await utils.wait_any(self._stop_event.wait(), link.ended.wait())
        except asyncio.CancelledError:
            # run() was cancelled: drain, as stock does, and let the cancellation go on afterwards.
            self.stop()
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        self.worker_id = outcomes.session

    async def _shielded(self, drain: Any) -> None:
        task = asyncio.create_task(drain, name="onewriter drain")
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await task
            raise

    async def _drain(self, settings: Settings, desk: Desk, slots: Slots, link: Link) -> None:
        """No new jobs; unstarted ones go back at once; running ones end, or are aborted and go back."""
        desk.stopping = True
        desk.wake()
        for run in desk.running():
            self.logger.info("Waiting for job to finish: %s[%s]", run.task, run.id)
        if not await slots.quiet(self.shutdown_graceful_timeout):
            self.logger.info("%d jobs still running after graceful timeout: aborting", len(desk.running()))
            slots.abort_all(AbortReason.SHUTDOWN)
            if not await slots.quiet(settings.timeout_grace):
                self._abandon(desk)
        desk.finish = True
        desk.wake()
        await link.ended.wait()

    def _abandon(self, desk: Desk) -> None:
        """What doesn't stop goes back with the session; its process is about to end."""
        for run in desk.running():
            self.logger.warning("Job %s[%s] does not stop; it is given back", run.task, run.id)
            run.dead = True

    def _end(self, link: Link, clean: bool) -> None:
        self.worker_id = None
        if link.failure is not None:
            raise link.failure
        self.logger.info("Stopped worker on %s", utils.queues_display(self.queues))
        if self._renewing:
            start_anew()
        if not clean and self.install_signal_handlers:
            # A task that swallows its cancellation would keep asyncio.run() from ever returning.
            logging.shutdown()
            os._exit(0)

    def _count_lost(self, desk: Desk) -> None:
        """Half of the slots hang: a fresh process has all of them again."""
        if desk.capacity() * 2 > desk.concurrency or self._renewing:
            return
        hanging = desk.concurrency - desk.capacity()
        self.logger.error("%d of %d slots hang: draining", hanging, desk.concurrency)
        self._renewing = self.install_signal_handlers
        self.stop()

    def _refuse_options(self) -> None:
        if not self.listen_notify:
            raise Refused("--no-listen-notify: a worker here never polls, it sleeps until it is notified.")
        if self.delete_jobs is not jobs.DeleteJobCondition.NEVER:
            raise Refused(f"--delete-jobs {self.delete_jobs.value}: a worker may not delete; only `never`.")

    def _say_what_is_ignored(self) -> None:
        if self._ignored:
            self.logger.info("Ignored, a worker here doesn't poll: %s", ", ".join(self._ignored))
        periodic = sorted({name for name, _ in self.app.periodic_registry.periodic_tasks})
        if periodic:
            self.logger.warning(
                "Periodic tasks are not deferred by a worker, they fire as published schedules: %s",
                ", ".join(periodic),
            )

    def _identity(self, settings: Settings) -> Identity:
        host = socket.gethostname()
        name = f"{host}/{self.worker_name or stock.WORKER_NAME}"[:128]
        info = {
            "host": host,
            "pid": os.getpid(),
            "concurrency": self.concurrency,
            "region": settings.region,
            "versions": versions(self.app, settings.tasks_version),
            "python": platform.python_version(),
            "procrastinate": procrastinate.__version__,
        }
        return Identity(
            dsn=checked_dsn(settings.dsn, f"onewriter {name}"[:63]),
            name=name,
            queues=self.queues,
            lease=settings.lease,
            info=json.dumps(info),
            environment=settings.environment,
        )


def start_anew() -> None:
    """The same command in the same process id, with every slot free again."""
    logger.info("Starting anew")
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (there is no shell to want)
