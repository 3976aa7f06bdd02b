"""No queue: what bare SQL on such tables can do at best, in batches and with nothing else around it.

One table of jobs with an index of the ready ones, one row per result; a batch is claimed in one transaction
and ended in another. No leases, no retries, no locks, no notifications, one kind of job.
"""

import sys
from collections.abc import Mapping
from typing import ClassVar

import psycopg

from bench.peer import Idle
from bench.peers.tables import TablePeer
from bench.processes import Command
from bench.tally import Tally

_SCHEMA = """
create type status as enum ('todo', 'doing', 'done');
create table job (
    id bigint generated always as identity primary key,
    queue text not null,
    task text not null,
    priority smallint not null default 0,
    status status not null default 'todo',
    attempts smallint not null default 0,
    args jsonb not null,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    ended_at timestamptz
);
create index job_ready on job (queue, priority desc, id) where status = 'todo';
create table result (
    job_id bigint primary key,
    worker text not null,
    result jsonb,
    ended_at timestamptz not null default now()
)
"""
_FILL = """
insert into job (queue, task, args)
select 'bench', 'bench.noop', jsonb_build_object('n', n) from generate_series(1, %(count)s) as n
"""
_UNFINISHED = """
select exists (select from job where queue = 'bench' and status = 'todo')
    or exists (select from job where status = 'doing')
"""
_OUTCOME = """
select count(*), (select count(*) from result), coalesce(sum(attempts), 0) from job where status = 'done'
"""


class Raw(TablePeer):
    """Drains only; `batch` is all it knows."""

    ceiling = True
    keeps = "the job's row and a row with its result"
    drain_jobs = 100_000
    leaves_out = frozenset(
        {
            *("enqueue-single", "enqueue-bulk", "pickup", "idle", "sustained"),
            *("work-5ms", "mix", "locks", "backlog", "snapshot"),
        }
    )
    batch: ClassVar[int]
    clear_sql = "truncate job, result"
    fill_sql = _FILL
    unfinished_sql = _UNFINISHED
    outcome_sql = _OUTCOME

    @property
    def settings(self) -> str:  # type: ignore[override]
        return f"no queue but bare SQL, in batches of {self.batch}"

    @property
    def versions(self) -> Mapping[str, str]:
        return {"psycopg": psycopg.__version__}

    def install(self) -> None:
        self.server.create_database(self.database, self.login)
        with self.server.connect(self.database, self.login) as conn:
            conn.execute(_SCHEMA)

    def worker(self, number: int, tally: Tally) -> Command:
        argv = [sys.executable, "-m", "bench.tasks.raw", self.producer_dsn(), str(self.batch)]
        return Command(argv, tally.environment(number))

    def idle(self, tally: Tally) -> list[Idle]:  # noqa: ARG002 (it doesn't wait, it polls)
        return []


class Raw100(Raw):
    name = "raw-100"
    batch = 100


class Raw1000(Raw):
    name = "raw-1000"
    batch = 1000
