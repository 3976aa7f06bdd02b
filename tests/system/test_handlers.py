"""Result handlers in real processes that are killed at every step: no end is lost, none is applied twice."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from app.database.notifier import Notifier
from app.handlers import lane, registry
from app.schema import inbox
from tests.support.cluster import Database, Server, clone, login_name
from tests.support.consumer import publish
from tests.support.processes import ONEWRITER, Process
from tests.support.shop import Shop
from tests.support.stage import Stage
from tests.system.conftest import Cli

PAIRS = [
    {"task": "shop.order", "event": "succeeded", "ordered_by": "key"},
    {"task": "shop.poison", "event": "succeeded", "ordered_by": "job"},
]


# As tests.system.sample_handlers has them; "between" is where the domain is apart.
STEPS = ("handler", "written", "committed")


class Handlers:
    """A shop, and processes that handle its ends: `onewriter handlers run`, or `serve`."""

    def __init__(self, stage: Stage, shop: Shop, kills: Path) -> None:
        self.stage, self.shop, self.kills = stage, shop, kills
        self.attempts = 10
        self.timeout = 30
        publish(stage.db, *PAIRS)

    def start(self, command: str = "run") -> Process:
        settings = {
            "ONEWRITER_HANDLERS": "tests.system.sample_handlers",
            "ONEWRITER_HANDLER_DATABASE_URL": self.stage.db.dsn("handler"),
            "ONEWRITER_DATABASE_URL": self.stage.db.dsn("server"),
            "ONEWRITER_HANDLER_ATTEMPTS": str(self.attempts),
            "ONEWRITER_HANDLER_TIMEOUT": str(self.timeout),
            "SHOP_KILLS": str(self.kills),
        }
        if self.shop.domain is not self.shop.db:
            settings["ONEWRITER_DOMAIN_DATABASE_URL"] = self.shop.domain.dsn("handler")
        arguments = ["handlers", "run"] if command == "run" else ["serve", "--port", "0"]
        return self.stage.processes.start("handlers", [*ONEWRITER, *arguments], settings)

    def all_once(self, ids: list[int]) -> None:
        self.stage.until(
            lambda: not self.shop.waiting(), 40, lambda: (self.shop.parked(), self.stage.processes.logs())
        )
        self.shop.once(ids)
        assert self.shop.followed() == dict.fromkeys(ids, 1)

    def killed_at(self, steps: list[str]) -> None:
        """A process dies at each step in turn; the next one goes on."""
        ids = self.shop.end(5, keys=["a", "b"])
        for step in steps:
            (self.kills / step).touch()
            process = self.start()
            self.stage.until(lambda process=process: not process.running(), say=process.output)  # type: ignore[misc]
            ids += self.shop.end(3, keys=["a", "b"])
        last = self.start()
        self.all_once(ids)
        assert last.stop() == 0

    def killed_idle(self) -> None:
        """Before it takes anything."""
        ids = self.shop.end(2)
        idle = self.start()
        self.all_once(ids)
        idle.kill()
        ids += self.shop.end(2)
        last = self.start()
        self.all_once(ids)
        last.kill()


@pytest.fixture
def kills(tmp_path: Path) -> Path:
    folder = tmp_path / "kills"
    folder.mkdir()
    return folder


@pytest.fixture
def handlers(stage: Stage, kills: Path) -> Handlers:
    return Handlers(stage, Shop(stage.db), kills)


@pytest.fixture
def apart(stage: Stage, db: Database, postgres: Server, kills: Path) -> Iterator[Handlers]:
    with clone(postgres, f"{db.name}_domain") as domain:
        inbox.prepare(domain.connect("admin"), login_name("handler"))
        yield Handlers(stage, Shop(db, domain), kills)


def test_killed_at_each_step(handlers: Handlers) -> None:
    handlers.killed_at(list(STEPS))


def test_killed_between_the_two_commits(apart: Handlers) -> None:
    apart.killed_at(["between"])


@pytest.mark.soak
@pytest.mark.parametrize("where", ["handlers", "apart"])
def test_killed_while_idle_and_at_every_step_again(request: pytest.FixtureRequest, where: str) -> None:
    there: Handlers = request.getfixturevalue(where)
    there.killed_idle()
    there.shop.forget()
    there.killed_at([*STEPS, "between"] if where == "apart" else list(STEPS))


def test_a_handler_that_kills_its_process_is_parked_and_the_others_are_handled(handlers: Handlers) -> None:
    """Nobody is left to count, so the try is counted before it."""
    handlers.attempts = 1
    (poison,) = handlers.shop.end(1, task="shop.poison")
    ids = handlers.shop.end(5)
    deaths = 0
    process = handlers.start()
    deadline = monotonic() + 60
    while not handlers.shop.parked():
        assert monotonic() < deadline, handlers.stage.processes.logs()
        handlers.shop.due_now()
        if not process.running():
            deaths += 1
            process = handlers.start()
        handlers.stage.until(lambda: not process.running() or handlers.shop.parked())  # noqa: B023
    handlers.all_once(ids)
    ((job_id, _, error),) = handlers.shop.parked()
    assert job_id == poison and "the process that handled it ended" in error
    assert deaths == 1


def processes_at_once(handlers: Handlers, events: int, kills: int) -> None:
    """Three of them beside APIs, killed at random, each replaced; order of a key holds all the while."""
    chance = random.Random(events)
    running = [handlers.start("serve"), handlers.start(), handlers.start()]
    ids: list[int] = []
    for _ in range(kills):
        ids += handlers.shop.end(events // kills, keys=["a", "b", "c", "d", "e"])
        aim = chance.randrange(max(1, len(ids) - events // kills // 2), len(ids))
        handlers.stage.until(lambda aim=aim: len(handlers.shop.seen()) >= aim, 60)  # type: ignore[misc]
        running.pop(0).kill()
        running.append(handlers.start(chance.choice(["run", "serve"])))
    handlers.all_once(ids)
    position = {job_id: index for index, (job_id,) in enumerate(handlers.shop.seen("job_id"))}
    ended = [(job_id, key) for job_id, _, key, _ in handlers.shop.seen()]
    for one in "abcde":
        mine = [job_id for job_id, key in sorted(ended) if key == one]
        assert [position[job_id] for job_id in mine] == sorted(position[job_id] for job_id in mine)
    begun = [process for process in running if "pairs" in process.output()]
    assert {process.stop() for process in begun} <= {0}


@pytest.mark.timeout(180)
def test_three_processes_killed_at_random(handlers: Handlers) -> None:
    processes_at_once(handlers, 200, 1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("where", ["handlers", "apart"])
def test_two_thousand_events_through_forty_kills(request: pytest.FixtureRequest, where: str) -> None:
    processes_at_once(request.getfixturevalue(where), 2000, 40)


def test_without_a_login_for_the_handlers_the_api_does_not_start(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEWRITER_HANDLERS", "tests.nobody")
    for command in (["serve", "--port", "0"], ["handlers", "run"]):
        code, _, said = cli(*command)
        assert (code, said.count("\n")) == (2, 1)
        assert "set ONEWRITER_HANDLER_DATABASE_URL" in said


def test_publish_and_list(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEWRITER_HANDLERS", "tests.system.sample_handlers")
    monkeypatch.setattr(registry, "_declared", [])
    for where, name in ((lane, "acknowledge"), (Notifier, "notify")):  # the module puts its own there
        monkeypatch.setattr(where, name, getattr(where, name))
    monkeypatch.delitem(sys.modules, "tests.system.sample_handlers", raising=False)
    code, published, warned = cli("handlers", "publish")
    assert (code, published) == (0, "2 added, 0 removed, 0 changed, 0 unchanged, 0 parked\n")
    assert warned == "no such task is published: shop.order, shop.poison\n"
    code, listed, _ = cli("handlers", "ls")
    assert code == 0 and "tests.system.sample_handlers.order" in listed and "shop.poison" in listed
    assert "2 removed" in cli("handlers", "publish", "--remove")[1]
    assert cli("handlers", "publish", "--consumer", "flows")[0] == 2
    monkeypatch.setenv("ONEWRITER_HANDLERS_CONSUMER", "flows")
    assert cli("handlers", "run")[0] == 2
