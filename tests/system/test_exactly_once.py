"""Every planned time fires once: several schedulers, with clocks that are wrong, killed at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from app.database.pool import Connection, connect
from app.scheduler.schedules import Schedules
from tests.support.cluster import Database
from tests.support.ledger import account

SCHEDULERS = 3
# Just before the clocks of Europe go forward.
BEGIN = datetime(2027, 3, 28, 0, 35, tzinfo=UTC)
SKEW = 600.0
NOBODY = {"task": "nobody publishes it"}  # such a run ends at once
CATALOGUE = {"catalogue": 1, "tasks": [{"name": "echo", "schema": {}}]}
SCHEDULES: dict[str, dict[str, Any]] = {
    "minutely": {"cron": "* * * * *", "target": NOBODY},
    "night": {"cron": "*/20 1-4 * * *", "timezone": "Europe/Berlin", "target": NOBODY, "missed": "all"},
    "twice": {
        "cron": "15,45 * * * *",
        "timezone": "Australia/Lord_Howe",
        "target": NOBODY,
        "overlap": "both",
    },
    "seconds": {"cron": "*/20 * * * * *", "target": NOBODY, "missed": "all"},
    "every": {"every": 37.5, "target": NOBODY, "missed": "skip"},
    "jittered": {"every": 90, "jitter": 45, "target": NOBODY, "missed": "once"},
    "skipping": {"cron": "*/5 * * * *", "target": {"task": "echo"}, "missed": "all"},
    "queueing": {"cron": "*/30 * * * *", "target": {"task": "echo"}, "overlapping": "queue"},
    "allowed": {"cron": "@hourly", "target": {"task": "echo"}, "overlapping": "allow"},
    "thrice": {
        "at": [f"2027-03-28T{time}:00Z" for time in ("00:40", "01:00", "08:00")],
        "target": {"task": "echo"},
    },
}


@dataclass
class World:
    """The true time, which nobody knows for sure."""

    db: Database
    admin: psycopg.AsyncConnection[Any]
    chance: random.Random
    now: datetime = BEGIN
    killed: int = 0
    cancelled: int = 0


@dataclass
class Scheduler:
    """One that may be wrong about the time by minutes, and dies again and again."""

    world: World
    skew: float = 0.0
    conn: Connection | None = None
    schedules: Schedules = field(init=False)

    def __post_init__(self) -> None:
        self.schedules = Schedules(self.time)

    def time(self) -> datetime:
        return self.world.now + timedelta(seconds=self.skew)

    async def live(self, ticks: int) -> None:
        for _ in range(ticks):
            self.world.now += timedelta(seconds=self.world.chance.expovariate(1 / 8))
            await self.tick()
        await self.die()

    async def tick(self) -> None:
        """One run; now and then something happens to the clock, or to the scheduler."""
        chance = self.world.chance
        if chance.random() < 0.05:
            self.skew = chance.uniform(-SKEW, SKEW)
        conn = await self.connected()
        match chance.randrange(50):
            case 0:
                await self.cut_off(conn)
            case 1:
                await self.killed_by_the_database(conn)
            case _:
                await self.schedules.run_once(conn)

    async def cut_off(self, conn: Connection) -> None:
        """As kill -9 does: between two calls, or within one."""
        with contextlib.suppress(TimeoutError, psycopg.Error):
            async with asyncio.timeout(self.world.chance.uniform(0, 0.006)):
                await self.schedules.run_once(conn)
            return
        self.world.cancelled += 1
        await self.die()

    async def killed_by_the_database(self, conn: Connection) -> None:
        running = asyncio.create_task(self.schedules.run_once(conn))
        await asyncio.sleep(self.world.chance.uniform(0, 0.006))
        await self.world.admin.execute("select pg_terminate_backend(%s)", [conn.info.backend_pid])
        await asyncio.gather(running, return_exceptions=True)
        self.world.killed += isinstance(running.exception(), psycopg.OperationalError)
        await self.die()

    async def connected(self) -> Connection:
        """A new process knows nothing of the one before."""
        if self.conn is None:
            self.conn = await connect(self.world.db.dsn("server"))
            self.schedules = Schedules(self.time)
        return self.conn

    async def die(self) -> None:
        if self.conn is not None:
            await self.conn.close()
        self.conn = None


def make_schedules(db: Database) -> None:
    """As if they had been made at BEGIN."""
    server, admin = db.connect("server"), db.connect("admin")
    server.execute("select server_api.publish_tasks('here', %s, 'test')", [json.dumps(CATALOGUE)])
    for name, definition in SCHEDULES.items():
        server.execute(
            "select server_api.put_schedule(%s, %s, 0, 'test', null, null)", [name, json.dumps(definition)]
        )
    admin.execute("update jobs.schedule set fired_until = %s", [BEGIN])


def jobs_fit(db: Database) -> None:
    """A run that started has its one job, any other has none."""
    wrong = db.connect("admin").execute(
        """select r.id, r.state, count(j.id) from jobs.schedule_run as r
             left join procrastinate.procrastinate_jobs as j on j.run_id = r.id
             join jobs.schedule as s on s.id = r.schedule_id and s.effective -> 'target' ->> 'task' = 'echo'
            group by r.id, r.state having count(j.id) <> (r.state = 'running')::int limit 10"""
    )
    assert wrong.fetchall() == []


async def prove(db: Database, ticks: int) -> tuple[World, int]:
    """So many ticks by each; then one whose clock is right has the last word."""
    make_schedules(db)
    world = World(db, await db.aconnect("admin"), random.Random(ticks))
    await asyncio.gather(*(Scheduler(world).live(ticks) for _ in range(SCHEDULERS)))
    last = Scheduler(world)
    await last.schedules.run_once(await last.connected())
    await last.die()
    total = account(db, BEGIN, world.now)
    jobs_fit(db)
    return world, total


@pytest.mark.timeout(60)
async def test_every_planned_time_fires_once(db: Database) -> None:
    _, total = await prove(db, 120)
    assert total > 300


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_every_planned_time_fires_once_in_300_000_ticks(db: Database) -> None:
    world, total = await prove(db, 100_000)
    print(f"{total} planned times, {world.killed} connections cut, {world.cancelled} schedulers killed")
    assert total > 100_000
    assert min(world.killed, world.cancelled) > 100
