"""`python -m bench.tasks.pgqueuer_app DSN`, in pgqueuer's own environment: what `pgq run` does, in code.

BENCH_SETTINGS are options of pgqueuer.run; `pool` is the client's.
"""

import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import uvloop
from pgqueuer import PgQueuer, run
from pgqueuer.models import Job

from bench.tasks.counting import nap, noop, pickup

Task = Callable[..., Awaitable[None]]
TASKS: dict[str, Task] = {"bench.noop": noop, "bench.nap": nap, "bench.pickup": pickup}


@asynccontextmanager
async def open_queuer() -> AsyncIterator[PgQueuer]:
    queuer = PgQueuer.from_asyncpg_connection(await asyncpg.connect(sys.argv[1]))
    for name, task in TASKS.items():
        queuer.entrypoint(name)(_entrypoint(task))
    yield queuer


def _entrypoint(task: Task) -> Callable[[Job], Awaitable[None]]:
    async def run(job: Job) -> None:
        await task(**json.loads(job.payload or b"{}"))

    return run


if __name__ == "__main__":
    options = json.loads(os.environ["BENCH_SETTINGS"])
    options.pop("pool", None)
    uvloop.run(run(open_queuer, **options))
