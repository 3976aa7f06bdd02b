"""For `pgq run bench.tasks.pgqueuer_app:main`, in pgqueuer's own environment."""

import json
import os
from collections.abc import Awaitable, Callable

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.models import Job

from bench.tasks.counting import nap, noop, pickup

Task = Callable[..., Awaitable[None]]
TASKS: dict[str, Task] = {"bench.noop": noop, "bench.nap": nap, "bench.pickup": pickup}


async def main() -> PgQueuer:
    queuer = PgQueuer.from_asyncpg_connection(await asyncpg.connect(os.environ["BENCH_DSN"]))
    for name, task in TASKS.items():
        queuer.entrypoint(name)(_entrypoint(task))
    return queuer


def _entrypoint(task: Task) -> Callable[[Job], Awaitable[None]]:
    async def run(job: Job) -> None:
        await task(**json.loads(job.payload or b"{}"))

    return run
