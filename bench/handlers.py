"""`python -m bench.handlers [EVENTS]`: ends of jobs that a consumer handles a second, each a row in a table.

One process with one handler, awaited; one by one and with batch=True, without a follow-up and with one for
each. The consumer's own processor time is told beside it: on a busy machine that is the figure which holds.
"""

import asyncio
import sys
import time
from typing import Any

import psycopg

from app.handlers import Event, enqueue
from app.handlers.consumer import run_until
from app.handlers.registry import Handler, Kind, Pair, Registry
from app.schema.harden import harden
from app.schema.logins import create_login
from app.schema.migrate import migrate
from app.settings import Settings
from bench.server import Server, booted

EVENTS = 20_000
LOGIN = "handlers"
DOMAIN = """
create schema shop;
create table shop.seen (job_id bigint, result jsonb);
grant usage on schema shop to onewriter_handler;
grant insert on shop.seen to onewriter_handler;
insert into jobs.subscription (task, event, consumer) values ('bench', 'succeeded', 'handlers');
select server_api.publish_tasks(
           'bench', '{"catalogue": 1, "tasks": [{"name": "next", "schema": {}}]}', 'bench');
"""
ENDS = """
with job as (
    insert into procrastinate.procrastinate_jobs
        (queue_name, task_name, status, args, claim_no, attempts, finished_at)
    select 'default', 'bench', 'succeeded', '{"n": 1}', 1, 1, clock_timestamp()
      from generate_series(1, %s) returning id)
insert into jobs.outbox (consumer, event, task, job_id, claim_no, order_key, at)
select 'handlers', 'succeeded', 'bench', id, 1, 'job ' || id, clock_timestamp() from job
"""
ROW = "insert into shop.seen (job_id) values (%s)"
ROWS = "insert into shop.seen (job_id) select unnest(%s::bigint[])"


async def one(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
    await conn.execute(ROW, [event.job.id])


async def many(conn: psycopg.AsyncConnection[Any], events: list[Event]) -> None:
    await conn.execute(ROWS, [[event.job.id for event in events]])


async def one_followed(conn: psycopg.AsyncConnection[Any], event: Event) -> None:
    await one(conn, event)
    await enqueue(conn, "next", n=event.job.id)


async def many_followed(conn: psycopg.AsyncConnection[Any], events: list[Event]) -> None:
    await many(conn, events)
    for event in events:
        await enqueue(conn, "next", n=event.job.id)


VARIANTS: tuple[tuple[str, Any, bool], ...] = (
    ("one by one", one, False),
    ("one by one, one follow-up each", one_followed, False),
    ("batch=True", many, True),
    ("batch=True, one follow-up each", many_followed, True),
)


def main(arguments: list[str]) -> None:
    events = int(arguments[0]) if arguments else EVENTS
    with booted() as server:
        for name, function, batch in VARIANTS:
            prepare(server, events, function.__name__)
            wall, cpu = measure(server, function.__name__, function, batch=batch)
            print(f"{name}: {events / wall:,.0f} events/s, {cpu / events * 1e6:.0f} us of Python each")


def prepare(server: Server, events: int, database: str) -> None:
    server.create_database(database)
    migrate(server.dsn(database))
    with server.connect(database) as conn:
        create_login(conn, LOGIN, "handler", LOGIN)
        conn.execute(DOMAIN)
        conn.execute(ENDS, [events])
        conn.execute("analyze")
    harden(server.dsn(database))


def measure(server: Server, database: str, function: Any, *, batch: bool) -> tuple[float, float]:
    """Seconds by the clock and of this process's processor, until every event is acknowledged."""
    kind = Kind(is_async=True, connection="psycopg", batch=batch, ordered_by="job")
    registry = Registry((Handler(Pair("bench", "succeeded"), kind, function),))
    settings = Settings(handler_database_url=server.dsn(database, LOGIN))
    began, used = time.monotonic(), time.process_time()
    asyncio.run(_until_empty(server, database, settings, registry))
    return time.monotonic() - began, time.process_time() - used


async def _until_empty(server: Server, database: str, settings: Settings, registry: Registry) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(run_until(stop, settings, registry))
    while server.one("select exists (select from jobs.outbox)", database=database):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    stop.set()
    await running


if __name__ == "__main__":
    main(sys.argv[1:])
