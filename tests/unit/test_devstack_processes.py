"""Background processes: pid files are believed only when the process fits them."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import identity, processes
from devstack.errors import Stop
from devstack.postgres import wait_for
from devstack.processes import Background
from devstack.state import State

# Writes a line when it is up, and ends when its input or a signal tells it to.
SLEEPER = "import signal, sys; print('up', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    state = State(tmp_path / ".dev")
    state.make()
    yield state
    processes.stop(state, "one")


def sleeper(state: State, program: str = SLEEPER, **environment: str) -> Background:
    return Background(state, "one", (sys.executable, "-c", program), environment)


def is_up(background: Background) -> bool:
    return background.log.exists() and "up" in background.log.read_text()


def pid(state: State) -> int:
    running = processes.find(state, "one")
    assert running is not None
    return running.pid


def test_a_second_start_finds_the_first(state: State) -> None:
    one = sleeper(state)
    assert one.ensure(lambda: is_up(one)) == "started"
    first = pid(state)
    assert one.ensure(lambda: is_up(one)) == "running"
    assert pid(state) == first
    assert processes.stop(state, "one")
    assert not processes.stop(state, "one")


def test_another_environment_replaces_it(state: State) -> None:
    one, other = sleeper(state, ONEWRITER_PORT="1"), sleeper(state, ONEWRITER_PORT="2")
    one.ensure(lambda: is_up(one))
    first = pid(state)
    assert other.ensure(lambda: is_up(other)) == "restarted"
    assert pid(state) != first


def test_a_killed_one_is_started_again(state: State) -> None:
    one = sleeper(state)
    one.ensure(lambda: is_up(one))
    victim = pid(state)
    os.kill(victim, 9)
    assert wait_for(lambda: identity.born(victim) is None, 10)
    assert one.ensure(lambda: is_up(one)) == "started"


def test_a_recycled_pid_is_never_killed(state: State) -> None:
    content = {"pid": os.getpid(), "born": "1", "fingerprint": ""}
    processes.pid_file(state, "one").write_text(json.dumps(content))
    assert processes.find(state, "one") is None
    assert not processes.stop(state, "one")
    assert identity.born(os.getpid()) is not None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', "null", "12"])
def test_a_broken_pid_file_is_none(state: State, content: str) -> None:
    processes.pid_file(state, "one").write_text(content)
    assert processes.find(state, "one") is None


def test_one_that_ends_at_once_says_its_last_word(state: State) -> None:
    with pytest.raises(Stop, match=r"one doesn't start \(out of luck\): \./dev logs one"):
        sleeper(state, "raise SystemExit('out of luck')").ensure(lambda: False)


def test_one_that_never_gets_ready_says_what_it_complains_of(state: State) -> None:
    with pytest.raises(Stop, match="no database"):
        sleeper(state).ensure(lambda: False, lambda: "no database", seconds=0.2)


def test_one_that_ignores_sigterm_is_killed(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.2)
    one = sleeper(state, STUBBORN)
    one.ensure(lambda: is_up(one))
    victim = pid(state)
    assert processes.stop(state, "one")
    assert identity.born(victim) is None
