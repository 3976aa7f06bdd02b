"""How often the registry's transitions are looked at, with a clock that the test turns."""

from __future__ import annotations

from typing import Any

import pytest

from app.commands.workers import Checked
from app.scheduler import registry
from app.scheduler.registry import Check, make_checks
from app.settings import Settings


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(registry, "monotonic", lambda: self.now)


class Looks:
    """A transition that answers what the test says, and counts."""

    def __init__(self) -> None:
        self.count = 0
        self.answer = Checked([], None)

    async def __call__(self, _: Any) -> Checked:
        self.count += 1
        return self.answer


async def test_nothing_to_wait_for_means_no_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    assert await Check("x", Looks(), 10).run_once(None) is None  # type: ignore[arg-type]


async def test_signals_between_two_looks_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = Clock(monkeypatch), Looks()
    check = Check("x", looks, 10)
    await check.run_once(None)  # type: ignore[arg-type]
    clock.now += 4
    assert await check.run_once(None) == 6  # type: ignore[arg-type]
    assert looks.count == 1
    clock.now += 6
    await check.run_once(None)  # type: ignore[arg-type]
    assert looks.count == 2


async def test_the_next_moment_is_slept_to_but_never_under_the_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, looks = Clock(monkeypatch), Looks()
    check = Check("x", looks, 10)
    for answer, slept in ((25.0, 25.0), (0.0, 10.0), (3.0, 10.0)):
        looks.answer = Checked([], answer)
        assert await check.run_once(None) == slept  # type: ignore[arg-type]
        clock.now += 60


def test_settings_are_the_intervals() -> None:
    loops = make_checks(Settings(_env_file=None))
    assert [loop.name for loop in loops] == ["activation", "staleness", "reactivation"]
    shown = Settings(_env_file=None).redacted()
    assert [
        shown[f"ONEWRITER_{name}"]
        for name in ("ACTIVATION_INTERVAL", "STALE_INTERVAL", "STALE_AFTER", "REACTIVATION_INTERVAL")
    ] == [10, 30, 30, 30]
