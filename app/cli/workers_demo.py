"""`onewriter workers demo`: a worker's life in the registry, told step by step."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta

from app.cli.connection import actor
from app.commands import workers as commands
from app.commands.workers import Checked, Description
from app.database.pool import Connection
from app.queries import workers as queries

# How long the demo's own worker may be silent; every other worker is left alone.
STALE_AFTER = timedelta(seconds=1)
Say = Callable[[str], None]


async def play(conn: Connection, *, say: Say) -> None:
    """register -> heartbeat -> active -> stale -> offline -> back; the worker is removed at the end."""
    host = f"demo-{secrets.token_hex(3)}"
    worker = await commands.register(
        conn, Description(host=host, name="demo", region="nowhere"), actor=actor()
    )
    demo = Demo(conn, worker, say)
    try:
        await demo.step(f"{host}/demo is registered", _nothing)
        await demo.step("the checks run, and nothing was heard of it", demo.activate)
        await demo.step("a heartbeat comes, which alone changes nothing", demo.beat)
        await demo.step("the checks run", demo.activate)
        await demo.step(f"{STALE_AFTER.total_seconds():g} s go by in silence", demo.wait)
        await demo.step("the checks run", demo.retire)
        await demo.step("a heartbeat comes", demo.beat)
        await demo.step("the checks run", demo.reactivate)
        await demo.tell_history()
    finally:
        await commands.remove(conn, worker_id=worker, actor=actor(), reason="the demo is over")
        say(f"{host}/demo is removed")


class Demo:
    """Each check is for this one worker alone."""

    def __init__(self, conn: Connection, worker: int, say: Say) -> None:
        self._conn, self._worker, self._say = conn, worker, say

    async def step(self, what: str, does: Callable[[], Awaitable[object]]) -> None:
        await does()
        found = await queries.get_worker(self._conn, worker=self._worker)
        assert found is not None
        self._say(f"{what:<48} {found.status}")

    async def beat(self) -> None:
        await commands.heartbeat(self._conn, worker_id=self._worker)

    async def wait(self) -> None:
        await asyncio.sleep(STALE_AFTER.total_seconds())

    async def activate(self) -> Checked:
        return await commands.activate_pending(self._conn, actor=actor(), worker_id=self._worker)

    async def retire(self) -> Checked:
        return await commands.retire_stale(
            self._conn, actor=actor(), after=STALE_AFTER, worker_id=self._worker
        )

    async def reactivate(self) -> Checked:
        return await commands.reactivate_offline(self._conn, actor=actor(), worker_id=self._worker)

    async def tell_history(self) -> None:
        self._say("its history:")
        for row in reversed(await queries.list_transitions(self._conn, worker_id=self._worker)):
            self._say(
                f"  {row.at:%H:%M:%S}  {row.from_status:>7} -> {row.to_status:<7}  {row.actor}: {row.reason}"
            )


async def _nothing() -> None:
    pass
