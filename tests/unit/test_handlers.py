"""Declarations of result handlers, what they contradict, and which calls some events become."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.handlers import Event, registry
from app.handlers.complaints import MOST, complaint
from app.handlers.events import Job
from app.handlers.loading import load
from app.handlers.planning import plan
from app.handlers.registry import HandlersRefused, Pair, Registry, declared, on

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_declared", [])


async def first(conn: Any, event: Any) -> None: ...
async def second(conn: Any, event: Any) -> None: ...
def plain(conn: Any, event: Any) -> None: ...


def event(
    number: int, task: str = "a", how: str = "succeeded", key: str | None = None, job: int = 0
) -> Event:
    of = Job(id=job or number, task=task, queue="q", args={}, created_at=NOW, key=key)
    return Event(id=number, event=how, at=NOW, job=of)


def test_handlers_of_an_end_run_in_the_order_of_declaration() -> None:
    on("*", "failed")(second)
    on("a", "*")(first)
    on("b", "failed")(first)
    found = declared()
    assert [handler.function for handler in found.of("a", "failed")] == [second, first]
    assert [handler.function for handler in found.of("a", "succeeded")] == [first]
    assert found.of("c", "succeeded") == ()
    assert list(found.pairs) == [Pair("*", "failed"), Pair("a", "*"), Pair("b", "failed")]


@pytest.mark.parametrize(
    ("declare", "sentence"),
    [
        (lambda: on("a", "done"), "'done' is none of succeeded, failed"),  # type: ignore[arg-type]
        (lambda: on("", "failed"), "'' is no task"),
        (lambda: on("a", "failed", connection="odbc"), "'odbc' is none of psycopg"),  # type: ignore[arg-type]
        (lambda: on("a", "failed", ordered_by="id"), "'id' is none of job, key, lock"),  # type: ignore[arg-type]
    ],
)
def test_a_word_that_is_none(declare: Any, sentence: str) -> None:
    with pytest.raises(HandlersRefused, match=sentence):
        declare()


def test_a_double() -> None:
    for _ in range(2):
        on("a", "failed")(first)
    with pytest.raises(HandlersRefused, match=r"first is declared twice on a failed"):
        declared()


@pytest.mark.parametrize(
    ("pair", "options"),
    [
        (("a", "failed"), {"connection": "sqlalchemy"}),
        (("a", "failed"), {"batch": True}),
        (("*", "failed"), {"ordered_by": "key"}),
        (("a", "*"), {"batch": True}),
    ],
)
def test_kinds_that_may_meet_in_a_transaction(pair: tuple[str, Any], options: dict[str, Any]) -> None:
    on("a", "failed")(first)
    on(*pair, **options)(second)
    with pytest.raises(HandlersRefused, match="may meet in one transaction"):
        declared()


def test_sync_and_async_do_not_mix_but_live_beside_one_another() -> None:
    on("a", "failed")(first)
    on("b", "failed")(plain)
    assert len(declared().lanes()) == 2
    on("a", "failed")(plain)
    with pytest.raises(HandlersRefused, match="sync"):
        declared()


def test_a_batch_is_as_long_as_the_order_allows() -> None:
    on("a", "succeeded", batch=True, ordered_by="key")(first)
    on("b", "succeeded", batch=True, ordered_by="key")(second)
    events = [
        event(1, "a", key="x"), event(2, "b", key="y"), event(3, "a", key="z"), event(4, "b", key="x"),
        event(5, "a", key="x"), event(6, "a", key="z"),
    ]  # fmt: skip
    calls = plan(events, declared())
    assert [[one.id for one in call.events] for call in calls] == [[1, 3], [2, 4], [5, 6]]


def test_without_batch_each_event_is_a_call() -> None:
    on("*", "*")(first)
    calls = plan([event(1), event(2, "b"), event(3, job=1)], declared())
    assert [[one.id for one in call.events] for call in calls] == [[1], [2], [3]]


def test_modules_are_loaded_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop_handlers.py").write_text(
        "from app.handlers import on\n@on('a', 'failed')\ndef f(conn, event): ...\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    assert [handler.name for handler in load(" shop_handlers ,").handlers] == ["shop_handlers.f"]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import nobody_has_this", "shop_broken cannot be imported: ModuleNotFoundError"),
        ("from app.handlers import on\non('a', 'ended')", "shop_broken: 'ended' is none of"),
        ("", "no result handler is declared"),
        (
            "from app.handlers import on\n@on('a', 'failed')\ndef f(event): ...",
            r"shop_broken: f\(event\) cannot be called with \(conn, event\)",
        ),
    ],
)
def test_a_module_that_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, sentence: str
) -> None:
    (tmp_path / "shop_broken.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    monkeypatch.delitem(sys.modules, "shop_broken", raising=False)
    with pytest.raises(HandlersRefused, match=sentence):
        load("shop_broken")


def test_a_long_traceback_keeps_its_end() -> None:
    try:
        raise ValueError("\0" + "x" * 9000 + "\udc80 the end")
    except ValueError as exc:
        text = complaint(exc)
    assert len(text) == MOST and text.startswith("ValueError: xxx") and "\n…" in text
    assert text.endswith("? the end") and "\0" not in text


def test_an_empty_registry_handles_nothing() -> None:
    assert Registry(()).lanes() == {}
