"""What handlers and teams ask for: checked at once, collected within a handler, over any connection."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import create_autospec

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.commands.catalogue import Catalogue, make_catalogue
from app.errors import Invalid, InvalidArguments, UnknownTask
from app.handlers import Options, chain, enqueue, group, job, publish
from app.handlers.connections import Query
from app.handlers.delivery import Delivery, Ids, current
from app.queries.tasks import Task

STRICT = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "last": {}},
    "required": ["to", "last"],
    "additionalProperties": False,
}


def task(name: str, **given: Any) -> Task:
    nothing = dict.fromkeys(Task.__dataclass_fields__)
    fields: dict[str, Any] = {**nothing, "name": name, "schema": {}, "aliases": [], "events": [], **given}
    return Task(**fields)


CATALOGUE: Catalogue = make_catalogue(
    [
        task("echo", events=["moved"], aliases=["old"], max_attempts=3, timeout=5.0),
        task("mail", queue="mails", schema=STRICT, events=["sent"]),
        task("audit", events=["moved"], lock="l"),
    ]
)


@contextmanager
def handling(conn: Any) -> Iterator[Delivery]:
    async def draw(count: int) -> list[int]:
        return list(range(1, count + 1))

    def wait(answer: Coroutine[Any, Any, int]) -> int:
        with pytest.raises(StopIteration) as done:
            answer.send(None)
        return int(done.value.value)

    delivery = Delivery(conn, CATALOGUE, Ids(draw, wait), [7])  # type: ignore[arg-type]
    token = current.set(delivery)
    try:
        yield delivery
    finally:
        current.reset(token)


@pytest.fixture
def conn() -> Any:
    return create_autospec(psycopg.Connection, instance=True)


@pytest.fixture
def delivery(conn: Any) -> Iterator[Delivery]:
    with handling(conn) as delivery:
        yield delivery


def test_a_job_is_collected_with_an_id_and_the_tasks_defaults(conn: Any, delivery: Delivery) -> None:
    assert enqueue(conn, "old", Options(key="k", delay=timedelta(minutes=1), max_attempts=2), a=1) == 1
    assert enqueue(conn, "mail", to="me", last=None) == 2
    assert delivery.follow[7] == [
        {
            "job": {
                "task": "echo", "queue": "default", "args": {"a": 1}, "key": "k", "delay": 60.0,
                "timeout": 5.0, "max_attempts": 2, "id": 1,
            }
        },
        {"job": {"task": "mail", "queue": "mails", "args": {"to": "me", "last": None}, "id": 2}},
    ]  # fmt: skip


def test_an_event_makes_a_job_for_each_subscriber(conn: Any, delivery: Delivery) -> None:
    assert publish(conn, "moved", {"id": 4}) == [1, 2]
    assert [item["job"]["task"] for item in delivery.follow[7]] == ["audit", "echo"]
    assert publish(conn, "nobody.cares", {}) == []
    with pytest.raises(InvalidArguments):
        publish(conn, "sent", {"id": 4})
    assert len(delivery.follow[7]) == 2


def test_a_chain_names_its_first_job_only(conn: Any, delivery: Delivery) -> None:
    assert chain(conn, job("echo", a=1), job("mail", to="me"), results="last") == 1
    (item,) = delivery.follow[7]
    assert item["flow"] == {
        "kind": "chain",
        "rule": None,
        "results": "last",
        "callback": None,
        "jobs": [
            {
                "task": "echo",
                "queue": "default",
                "args": {"a": 1},
                "timeout": 5.0,
                "max_attempts": 3,
                "id": 1,
            },
            {"task": "mail", "queue": "mails", "args": {"to": "me"}},
        ],
    }


def test_a_group_names_all_its_members(conn: Any, delivery: Delivery) -> None:
    steps = [job("echo", n=n) for n in range(3)]
    assert group(conn, *steps, callback=job("mail", to="me"), on="any", results="last") == [1, 2, 3]
    flow = delivery.follow[7][0]["flow"]
    assert (flow["kind"], flow["rule"], flow["results"]) == ("group", "any", "last")
    assert [one["id"] for one in flow["jobs"]] == [1, 2, 3]
    assert flow["callback"] == {"task": "mail", "queue": "mails", "args": {"to": "me"}}


NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001
WRONG: dict[str, tuple[type[Exception], str, Callable[[Any], Any]]] = {
    "task": (UnknownTask, "task", lambda conn: enqueue(conn, "nobody")),
    "argument": (InvalidArguments, "args.to", lambda conn: enqueue(conn, "mail", last=1)),
    "json": (Invalid, "args", lambda conn: enqueue(conn, "echo", what=object())),
    "size": (Invalid, "args", lambda conn: enqueue(conn, "echo", x="y" * 70_000)),
    "attempts": (Invalid, "max_attempts", lambda conn: enqueue(conn, "echo", Options(max_attempts=4))),
    "naive": (Invalid, "run_at", lambda conn: enqueue(conn, "echo", Options(run_at=NAIVE))),
    "twice": (
        Invalid,
        "delay",
        lambda conn: enqueue(conn, "echo", Options(run_at=datetime(2030, 1, 1, tzinfo=UTC), delay=1)),
    ),
    "no_step": (Invalid, "steps", chain),
    "no_member": (Invalid, "steps", group),
    "second_step": (
        InvalidArguments,
        "args.to",
        lambda conn: chain(conn, job("echo"), job("mail"), results="last"),
    ),
    "first_step": (
        InvalidArguments,
        "args.last",
        lambda conn: chain(conn, job("mail", to="me"), results="last"),
    ),
    "callback": (
        InvalidArguments,
        "args.last",
        lambda conn: group(conn, job("echo"), callback=job("mail", to="me")),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_at_once(conn: Any, delivery: Delivery, what: str) -> None:
    error, field, ask = WRONG[what]
    with pytest.raises(error) as caught:
        ask(conn)
    assert isinstance(caught.value, Invalid)
    assert field in [one.field for one in caught.value.errors]
    assert delivery.follow[7] == []


@pytest.mark.parametrize("kind", [psycopg.AsyncConnection, AsyncSession])
async def test_over_an_async_connection_it_is_awaited(kind: type[Any]) -> None:
    conn = create_autospec(kind, instance=True)
    with handling(conn) as delivery:
        assert await enqueue(conn, "echo", n=1) == 1
        assert await group(conn, job("echo"), job("echo")) == [2, 3]
        assert len(delivery.follow[7]) == 2


def test_another_connection_than_the_handlers_is_asked_itself(conn: Any, delivery: Delivery) -> None:
    other = create_autospec(Session, instance=True)
    other.execute.side_effect = ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        enqueue(other, "echo")
    assert delivery.follow[7] == []


def test_what_is_no_connection_is_said() -> None:
    with pytest.raises(TypeError, match="str is no connection"):
        enqueue("dsn", "echo")  # type: ignore[call-overload]


def test_a_query_is_written_for_each_driver() -> None:
    query = Query("select f({a}, {b})", {"a": 1, "b": 2})
    assert query.written("%({})s") == "select f(%(a)s, %(b)s)"
    assert query.written(":{}") == "select f(:a, :b)"
