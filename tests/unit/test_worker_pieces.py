"""The worker's small parts, each by itself."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from procrastinate.manager import JobManager

from worker.answer import Columns
from worker.app import App
from worker.batch import Batch
from worker.demand import Demand
from worker.desk import Desk
from worker.errors import Refused, WorkerMayNotWrite
from worker.floor import Floor
from worker.results import MAX_ERROR, NotJson, Oversized, clean, encode_result, error_text
from worker.run import Run
from worker.settings import read, task_modules
from worker.suspects import Suspects

DSN = {"ONEWRITER_WORKER_DATABASE_URL": "postgresql://w@h/d"}


def _run(id_: int, queue: str = "q", priority: int = 0) -> Run:
    return Run(id_, 1, queue, "t", msgspec.Raw(b"{}"), 0, priority, None, None, None, None, None, None)


@pytest.mark.parametrize(
    "value", [None, True, 0, 1.5, "x", [], {}, {"a": [1, {"b": None}]}, 10**40, "\U0001f600"]
)
def test_json_stays_what_it_is(value: Any) -> None:
    assert msgspec.json.decode(encode_result(value)) == value


@pytest.mark.parametrize(
    "value", [{1}, b"x", object(), math.nan, [math.inf], {"a": {2}}, "\x00", "\ud800", 1j]
)
def test_what_is_no_json(value: Any) -> None:
    with pytest.raises(NotJson):
        encode_result(value)


def test_size_is_counted_as_json() -> None:
    assert encode_result("x" * (256 * 1024 - 2))
    with pytest.raises(Oversized):
        encode_result("x" * (256 * 1024 - 1))
    with pytest.raises(Oversized):
        encode_result(("x" * (256 * 1024),))


def test_error_texts() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("ü" * 50_000) from inner
    except ValueError as exc:
        text = error_text(exc)
    assert len(text.encode()) <= MAX_ERROR
    assert text.startswith("ValueError: üü")
    assert text.endswith("caused by KeyError: 'inner'")
    assert clean("a\x00\ud800b") == "a\ufffd?b"


def test_claimed_jobs_begin_in_order_of_priority_and_age() -> None:
    columns: list[Any] = [[3, 1, 2, 4], [1] * 4, ["q"] * 4, ["t"] * 4, [msgspec.Raw(b"{}")] * 4, [0] * 4]
    rest: list[Any] = [[None] * 4] * 6
    level = Columns(*columns, [0] * 4, *rest)
    assert [run.id for run in level.runs()] == [1, 2, 3, 4]
    mixed = Columns(*columns, [0, 0, 7, 7], *rest)
    assert [run.id for run in mixed.runs()] == [2, 4, 1, 3]


def test_a_batch_is_bounded() -> None:
    desk = Desk(1)
    desk.done.extend((number, 1, None, None) for number in range(1500))
    assert len(Batch(desk, 0.0)) == 1000
    assert len(Batch(desk, 0.0)) == 500
    big = b'"' + b"x" * 250_000 + b'"'
    desk.done.extend((number, 1, big, None) for number in range(60))
    sizes = [sum(len(text) for text in Batch(desk, 0.0).params([]) if text) for _ in range(3)]
    assert max(sizes) < 8 * 1024 * 1024
    assert not desk.done
    desk.retry.append((1, 1, None, "\x01" * 8000, None, None, None, "error"))
    desk.release.append((2, 1))
    batch = Batch(desk, 0.0)
    assert batch.ids() == [1, 2]
    assert batch.params([])[0] is None
    desk.close()


def test_nothing_is_prefetched_before_tasks_are_known_to_be_short() -> None:
    demand = Demand(400)
    assert demand.prefetch() == 0
    for turn in range(1, 20):
        demand.observe(turn * 0.01, 0.005, turn * 100, turn * 0.002)
    assert 20 < demand.prefetch() <= 400
    demand.observe(1.0, 0.005, 2000, 100.0)
    assert demand.prefetch() == 0


def test_the_floor_gives_way_to_signals_and_time() -> None:
    floor = Floor()
    assert floor.choose(0.0) is None
    floor.scanned(0.0, 1.0)
    floor.note([_run(5000), _run(5001), _run(9000, "r", 2)])
    assert floor.choose(0.5) == b'[["q",0,3001],["r",2,7000]]'
    floor.scan_in_full()
    assert floor.choose(0.5) is None
    floor.scanned(1.0, 100.0)
    floor.scan_in_full()
    assert floor.choose(1.5) is not None
    assert floor.next_full() == 3.0
    assert floor.choose(3.0) is None


def test_the_floor_knows_fifty_pairs() -> None:
    floor = Floor()
    floor.scanned(0.0, 1.0)
    for number in range(80):
        floor.note([_run(number, f"q{number}")])
    pairs = msgspec.json.decode(floor.choose(0.1) or b"[]")
    assert len(pairs) == 50
    assert pairs[-1][0] == "q79"


def test_patience_with_suspects_ends_and_returns() -> None:
    suspects = Suspects()
    assert not suspects.draining(0.0)
    suspects.passed_over(0.0)
    assert suspects.draining(15.0)
    assert not suspects.draining(15.1)
    suspects.passed_over(30.0)
    assert not suspects.draining(30.0)
    suspects.passed_over(61.0)
    assert suspects.draining(61.0)
    suspects.asked_alone()
    assert not suspects.draining(61.0)


def test_every_verb_of_the_job_manager_refuses() -> None:
    app = App()
    verbs = [name for name in dir(JobManager) if not name.startswith(("_", "check_connection"))]
    assert len(verbs) > 20
    for verb in verbs:
        with pytest.raises(WorkerMayNotWrite, match=verb):
            getattr(app.job_manager, verb)()


async def test_the_connector_sends_no_sql() -> None:
    app = App()
    async with app.open_async():
        with pytest.raises(WorkerMayNotWrite):
            await app.connector.execute_query_async("insert into x values (1)")
        with pytest.raises(WorkerMayNotWrite):
            await app.schema_manager.apply_schema_async()


def test_settings(tmp_path: Path) -> None:
    assert read(DSN).dsn == "postgresql://w@h/d"
    assert read({**DSN, "ONEWRITER_HEARTBEAT": "60"}).heartbeat == 5.0
    assert read({**DSN, "ONEWRITER_LEASE": "300", "ONEWRITER_HEARTBEAT": "60"}).heartbeat == 60.0
    secret = tmp_path / "dsn"
    secret.write_text("postgresql://s@h/d\n")
    assert read({"ONEWRITER_WORKER_DATABASE_URL_FILE": str(secret)}).dsn == "postgresql://s@h/d"
    assert task_modules({"ONEWRITER_TASKS": "a.b, c,"}) == ["a.b", "c"]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"ONEWRITER_DATABASE_URL": "postgresql://other@h/d"},
        {"ONEWRITER_WORKER_DATABASE_URL_FILE": "/nowhere"},
        {**DSN, "ONEWRITER_LEASE": "4"},
        {**DSN, "ONEWRITER_LEASE": "nan"},
        {**DSN, "ONEWRITER_HEARTBEAT": "soon"},
        {**DSN, "ONEWRITER_TASK_TIMEOUT": "-1"},
    ],
)
def test_settings_that_cannot_be(environ: dict[str, str]) -> None:
    with pytest.raises(Refused):
        read(environ)
