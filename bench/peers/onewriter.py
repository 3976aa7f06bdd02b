"""onewriter as `./dev up` sets it up: migrated, hardened, a login per process."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from app.commands.enqueue import Enqueuer
from app.commands.enqueue_batch import enqueue_batch
from app.commands.jobs_in import Cause, JobIn
from app.commands.keys import create_key
from app.commands.tasks import publish_tasks
from app.database.notifier import Notifier, queue_channels
from app.database.pool import Connection, connect
from app.http.pages import onewriter_version
from app.schema.harden import harden
from app.schema.logins import create_login
from app.schema.migrate import migrate
from bench.clients.producing import Producer
from bench.peer import Idle, Outcome, Peer, Service, Work, parameters
from bench.processes import Command
from bench.tally import Tally
from devstack import ports
from devstack.stack import clean_environment, program, run
from devstack.state import ROOT

QUEUE = "bench"
TASKS = "bench.tasks.onewriter_tasks"
KEY = "ow_bench-only"
# One each, so that statements are counted per process.
LOGINS = {"api": "server", "scheduler": "server", "worker": "worker"}
CHUNK = 10_000

_FILL = """
select server_api.enqueue_batch(
    (select json_agg(json_strip_nulls(json_build_object(
                'task', %(task)s::text, 'queue', 'bench', 'priority', n %% nullif(%(priorities)s, 0),
                'lock', 'lock ' || n %% nullif(%(locks)s, 0),
                'args', json_build_object('n', n, 'ms', nullif(%(ms)s, 0)))))::text
       from generate_series(1, %(count)s) as n),
    '{"kind": "sql"}', null)
"""
_CLEAR = """
truncate procrastinate.procrastinate_jobs, jobs.attempt, jobs.cause, jobs.job_detail, jobs.job_event,
         jobs.outbox, jobs.idempotency, jobs.late_results
"""
_OUTCOME = """
select count(*), count(*) filter (where status = 'succeeded'), (select count(*) from jobs.run)
  from procrastinate.procrastinate_jobs
"""


class GroupCommit:
    """What the API process does behind its routes."""

    def __init__(self, enqueuer: Enqueuer, notifier: Notifier, conn: Connection) -> None:
        self._enqueuer = enqueuer
        self._notifier = notifier
        self._conn = conn

    async def one(self, task: str, args: dict[str, Any]) -> None:
        await self._enqueuer.submit(_job(task, args))

    async def many(self, task: str, args: Sequence[dict[str, Any]]) -> None:
        jobs = [_job(task, each) for each in args]
        await enqueue_batch(self._conn, jobs=jobs, cause=Cause(kind="http", actor="bench"), idempotency=None)
        self._notifier.notify(queue_channels(QUEUE))


class Onewriter(Peer):
    name = "onewriter"
    settings = "as installed"
    keeps = "the job's row with its result, for 7 days"
    drain_jobs = 100_000
    # Seconds between a worker's; its default.
    heartbeat = 5.0

    @property
    def versions(self) -> Mapping[str, str]:
        return {"onewriter": onewriter_version()}

    def install(self) -> None:
        self.server.create_database(self.database)
        admin = self.server.dsn(self.database)
        migrate(admin)
        with self.server.connect(self.database) as conn:
            for label, kind in LOGINS.items():
                create_login(conn, _login(label), kind, "bench")
        harden(admin)
        catalogue = run(
            [sys.executable, "-m", "worker.catalogue"], self._catalogue_environment(), "the catalogue"
        )
        asyncio.run(self._publish(catalogue.encode()))

    async def _publish(self, catalogue: bytes) -> None:
        conn = await connect(self.producer_dsn())
        async with conn:
            await publish_tasks(conn, source="bench", catalogue=catalogue, actor="bench")
            await create_key(conn, name="bench", scopes=["jobs:read", "jobs:write"], actor="bench", token=KEY)

    def clear(self) -> None:
        with self.server.connect(self.database) as conn:
            conn.execute(_CLEAR)

    def fill(self, work: Sequence[Work], committed: Callable[[], None]) -> None:
        with self.server.connect(self.database, _login("api")) as conn:
            with conn.transaction():
                for each in work:
                    for start in range(0, each.count, CHUNK):
                        conn.execute(_FILL, parameters(each, min(CHUNK, each.count - start)))
            committed()
            for channel in queue_channels(QUEUE):
                conn.execute(f'notify "{channel}"'.encode())

    def offers(self, work: Work) -> bool:  # noqa: ARG002 (both)
        return True

    def unfinished(self) -> bool:
        query = (
            "select exists (select from procrastinate.procrastinate_jobs where status in ('todo', 'doing'))"
        )
        return bool(self.server.one(query, database=self.database))

    def outcome(self) -> Outcome:
        with self.server.connect(self.database) as conn:
            row = conn.execute(_OUTCOME).fetchone()
        assert row is not None
        return Outcome(*row)

    def worker(self, number: int, tally: Tally) -> Command:
        settings = {
            "ONEWRITER_WORKER_DATABASE_URL": self._dsn("worker"),
            "ONEWRITER_TASKS": TASKS,
            **tally.environment(number),
        }
        return Command([program("procrastinate"), "--app=worker.main.app", "worker"], settings)

    def worker_with(self, slots: int, tally: Tally) -> Command:
        worker = self.worker(0, tally)
        return Command([*worker.argv, f"--concurrency={slots}"], worker.environment)

    def producer_dsn(self) -> str:
        return self._dsn("api")

    @asynccontextmanager
    async def producer(self, dsn: str) -> AsyncIterator[Producer]:
        conn = await connect(dsn)
        async with conn, Notifier(dsn) as notifier:
            enqueuer = Enqueuer(dsn, notifier)
            enqueuer.start()
            yield GroupCommit(enqueuer, notifier, conn)
            await enqueuer.close()

    def idle(self, tally: Tally) -> list[Idle]:
        scheduler = Command(
            [program("onewriter"), "scheduler"], {"ONEWRITER_DATABASE_URL": self._dsn("scheduler")}
        )
        return [
            Idle("worker", _login("worker"), self.worker(0, tally)),
            Idle("api", _login("api"), self.service().command),
            Idle("scheduler", _login("scheduler"), scheduler),
        ]

    def service(self) -> Service:
        port = ports.choose()
        settings = {"ONEWRITER_DATABASE_URL": self._dsn("api")}
        body = b'{"task":"bench.noop","args":{"n":12345}}'
        both = f" HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {KEY}\r\n"
        post = f"POST /v1/jobs{both}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        follow = f"GET /v1/jobs/{{id}}/result?wait=30{both}\r\n"
        command = Command([program("onewriter"), "serve", "--port", str(port)], settings)
        return Service(command, port, "/livez", post.encode() + body, follow.encode())

    def _dsn(self, label: str) -> str:
        return self.server.dsn(self.database, _login(label))

    def _catalogue_environment(self) -> dict[str, str]:
        # The tasks want a tally when they are imported; nobody runs them here.
        tally = Tally(self.server.log.with_name("bench-catalogue.tally"))
        return {
            **clean_environment(),
            "PYTHONPATH": str(ROOT),
            "ONEWRITER_TASKS": TASKS,
            **tally.environment(0),
        }


def _login(label: str) -> str:
    return f"onewriter_bench_{label}"


def _job(task: str, args: dict[str, Any]) -> JobIn:
    return JobIn(task, QUEUE, msgspec.Raw(msgspec.json.encode(args)))
