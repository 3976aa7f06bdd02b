"""Procrastinate as it comes: its own schema, its own worker, as installed and tuned."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import procrastinate
from procrastinate import App, PsycopgConnector
from procrastinate.tasks import Task

from bench.clients.producing import Producer
from bench.peer import Work
from bench.peers.tables import TablePeer
from bench.processes import Command
from bench.tally import Tally
from devstack.stack import program

_FILL = """
select procrastinate_defer_jobs_v1(array_agg(
           row ('bench', %(task)s::text, coalesce(n %% nullif(%(priorities)s, 0), 0),
                'lock ' || n %% nullif(%(locks)s, 0), null,
                jsonb_strip_nulls(jsonb_build_object('n', n, 'ms', nullif(%(ms)s, 0))), null)
           ::procrastinate_job_to_defer_v1))
  from generate_series(1, %(count)s) as n
"""
_OUTCOME = """
select count(*), count(*) filter (where status = 'succeeded'), coalesce(sum(attempts), 0)
  from procrastinate_jobs
"""


class Defers:
    """task.defer_async and task.batch_defer_async."""

    def __init__(self, app: App) -> None:
        # Known by name only: the client never runs what it enqueues.
        self._tasks: dict[str, Task[..., Any, ...]] = {
            name: app.task(name=name, queue="bench")(_never) for name in ("bench.noop", "bench.pickup")
        }

    async def one(self, task: str, args: dict[str, Any]) -> None:
        await self._tasks[task].defer_async(**args)

    async def many(self, task: str, args: Sequence[dict[str, Any]]) -> None:
        await self._tasks[task].batch_defer_async(*args)


class Procrastinate(TablePeer):
    """What one gets who sets nothing."""

    name = "procrastinate"
    settings = "as installed: concurrency 1, a pool of 4 connections, log level info"
    keeps = "the job's row and its events"
    drain_jobs = 3_000
    clear_sql = "truncate procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers"
    fill_sql = _FILL
    unfinished_sql = "select exists (select from procrastinate_jobs where status in ('todo', 'doing'))"
    outcome_sql = _OUTCOME
    options: ClassVar[Sequence[str]] = ()
    log_level: ClassVar[Sequence[str]] = ()
    pool: ClassVar[int | None] = None

    @property
    def versions(self) -> Mapping[str, str]:
        return {"procrastinate": procrastinate.__version__}

    def install(self) -> None:
        self.server.create_database(self.database, self.login)
        asyncio.run(self._apply_schema())

    async def _apply_schema(self) -> None:
        app = App(connector=PsycopgConnector(conninfo=self.producer_dsn()))
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    def offers(self, work: Work) -> bool:  # noqa: ARG002 (both)
        return True

    def worker(self, number: int, tally: Tally) -> Command:
        return self._worker(number, tally, *self.options)

    def worker_with(self, slots: int, tally: Tally) -> Command:
        return self._worker(0, tally, f"--concurrency={slots}")

    def _worker(self, number: int, tally: Tally, *options: str) -> Command:
        app = "--app=bench.tasks.procrastinate_app.app"
        argv = [program("procrastinate"), app, *self.log_level, "worker", *options]
        pool = {} if self.pool is None else {"BENCH_POOL": str(self.pool)}
        return Command(argv, {"BENCH_DSN": self.producer_dsn(), **pool, **tally.environment(number)})

    @asynccontextmanager
    async def producer(self, dsn: str) -> AsyncIterator[Producer]:
        size: dict[str, Any] = {} if self.pool is None else {"min_size": self.pool, "max_size": self.pool}
        app = App(connector=PsycopgConnector(conninfo=dsn, **size))
        async with app.open_async():
            yield Defers(app)


class ProcrastinateTuned(Procrastinate):
    """More jobs at a time, a connection for each, and no log line per job."""

    name = "procrastinate-tuned"
    settings = "concurrency 20, a pool of 20 connections, log level warning"
    drain_jobs = 1_500
    leaves_out = frozenset({"enqueue-bulk", "pickup", "idle", "cost"})
    options = ("--concurrency=20",)
    log_level = ("--log-level=warning",)
    pool = 20


async def _never(**_: object) -> None:
    raise NotImplementedError("the worker runs it")
