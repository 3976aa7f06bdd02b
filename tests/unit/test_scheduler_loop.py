"""The one loop runner, without a database."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import psycopg
import pytest

from app.scheduler import loop as loops
from app.scheduler.election import Leadership
from app.scheduler.loop import Loop


class Leading:
    """A leadership that is always there; it counts how often it was asked."""

    async def connection(self) -> None:
        return None


LEADING = cast("Leadership", Leading())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "GAP", 0.001)
    monkeypatch.setattr(loops, "Backoff", _NoPause)


class _NoPause:
    def next(self) -> float:
        return 0.0

    def reset(self) -> None:
        pass


async def run_through(loop: Loop, runs: int, seen: list[Any], *, seconds: float = 5.0) -> None:
    """Runs the loop until `seen` has that many entries."""
    task = asyncio.create_task(loop.run(LEADING))
    try:
        async with asyncio.timeout(seconds):
            while len(seen) < runs:  # noqa: ASYNC110 (the loop under test owns the events)
                await asyncio.sleep(0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_sleeps_as_long_as_the_run_says() -> None:
    seen: list[float] = []
    clock = asyncio.get_running_loop().time

    async def run_once(_: Any) -> float:
        seen.append(clock())
        return 0.05

    await run_through(Loop("x", run_once, longest=10), 3, seen)
    assert seen[2] - seen[0] >= 0.1


async def test_a_moment_nearer_than_the_gap_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "GAP", 60.0)
    seen: list[int] = []

    async def run_once(_: Any) -> float:
        seen.append(1)
        loop.wake.set()
        return 0.001

    loop = Loop("x", run_once, longest=3600, shortest=0.001)
    await run_through(loop, 3, seen)


async def test_a_moment_that_has_come_does_not_make_it_spin() -> None:
    seen: list[float] = []
    clock = asyncio.get_running_loop().time

    async def run_once(_: Any) -> float:
        seen.append(clock())
        return 0.0

    await run_through(Loop("x", run_once, longest=3600, shortest=0.02), 3, seen)
    assert seen[2] - seen[0] >= 0.035


async def test_no_moment_means_the_longest_sleep() -> None:
    seen: list[int] = []

    async def run_once(_: Any) -> None:
        seen.append(1)

    await run_through(Loop("x", run_once, longest=0.01), 3, seen)


async def test_a_signal_ends_the_sleep() -> None:
    seen: list[int] = []

    async def run_once(_: Any) -> None:
        seen.append(1)
        loop.wake.set()

    loop = Loop("x", run_once, longest=3600)
    await run_through(loop, 3, seen)


async def test_a_signal_during_the_run_is_not_lost() -> None:
    """It may tell of something that came after the run looked."""
    seen: list[int] = []

    async def run_once(_: Any) -> None:
        if not seen:
            loop.wake.set()
        seen.append(1)

    loop = Loop("x", run_once, longest=3600)
    await run_through(loop, 2, seen)


async def test_a_signal_does_not_hide_the_end() -> None:
    """Both may come in one turn of the event loop."""
    loop = Loop("x", _nothing, longest=3600)
    task = asyncio.create_task(loop.run(LEADING))
    await asyncio.sleep(0.05)  # past the gap
    loop.wake.set()
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(1):
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def _nothing(_: Any) -> None:
    pass


async def test_errors_are_said_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    seen: list[int] = []

    async def run_once(_: Any) -> float:
        seen.append(1)
        if len(seen) < 5:
            raise psycopg.OperationalError("gone\nand more")
        return 0.0

    await run_through(Loop("rescue", run_once, longest=1), 6, seen)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["rescue failed, trying again: gone", "rescue works again"]


async def test_a_defect_is_told_whole_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []

    async def run_once(_: Any) -> float:
        seen.append(1)
        if len(seen) < 3:
            raise ZeroDivisionError("by nothing")
        return 0.0

    await run_through(Loop("schedules", run_once, longest=1), 4, seen)
    (told,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert told.getMessage() == "schedules failed, trying again: by nothing"
    assert told.exc_info
