"""`python -m bench.tasks.chancy_app migrate|work DSN`, in chancy's own environment.

BENCH_SETTINGS are options of the queue; `log_level` is the library's own where it isn't given.
"""

import asyncio
import json
import logging
import os
import sys
from typing import Any

from chancy import Chancy, Queue, Worker


async def migrate(app: Chancy, options: dict[str, Any]) -> None:
    await app.migrate()
    await app.declare(Queue("bench", **options), upsert=True)


async def work(app: Chancy, options: dict[str, Any]) -> None:
    await app.declare(Queue("bench", **options), upsert=True)
    async with Worker(app) as worker:
        await worker.wait_for_shutdown()


async def main(what: str, dsn: str) -> None:
    options = json.loads(os.environ["BENCH_SETTINGS"])
    level = options.pop("log_level", None)
    async with Chancy(dsn, log=None if level is None else _logger(level)) as app:
        await {"migrate": migrate, "work": work}[what](app, options)


def _logger(level: str) -> logging.Logger:
    logger = logging.getLogger("bench")
    logger.setLevel(level)
    return logger


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
