"""What follows: jobs, chains, groups and domain events.

Inside a result handler they are collected, and started in the transaction of the acknowledgement. Anywhere
else they are started at once, in the transaction of the connection that is given; where that leads to a
domain's own database they are kept there and relayed to the queue after its commit, each once; their ids are
not known then (0, or none). Over an async connection each answers an awaitable. All raise UnknownTask,
InvalidArguments and Invalid before anything is started, but not where the catalogue is in another database.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any, TypeVar, overload

import msgspec
from msgspec import Struct

from app.commands.catalogue import make_catalogue
from app.commands.preparing import invalid
from app.errors import QueueingLockTaken
from app.handlers.connections import ASYNC, AsyncConn, Query, SyncConn, ask, ask_async, require_connection
from app.handlers.delivery import Delivery, delivery_of
from app.handlers.steps import Options, Step, job
from app.handlers.wishes import OUTGOING_CHANNEL, On, Wish, build, first_jobs, items, with_ids
from app.queries.tasks import Task

T = TypeVar("T")
# The id of a job that the queue makes when the domain's commit has reached it.
LATER = 0


class Started(Struct, frozen=True):
    """`skipped` are ids that no job has: a waiting job holds their queueing lock."""

    ids: list[int]
    skipped: list[int] = []


# Yields a query and gets its answer, or yields None and gets the id of a job to come.
Talk = Generator[Query | None, Any, T]

_HERE = "select cast(to_regclass('server_api.task') is not null as text)"
_CATALOGUE = """
    select cast(coalesce(json_agg(t), '[]') as text) from (
        select name, source, description, queue, priority, lock, queueing_lock, schema, retry, timeout,
               max_attempts, "group", aliases, events, published_at
          from server_api.task
         where name = any ({names}) or aliases && {names} or events && {events}) as t"""
_START = "select server_api.start_jobs({items})"
_STORE = "insert into onewriter_inbox.outgoing (wish) values (cast({wish} as jsonb))"
# Heard by who relays it when this transaction has committed.
_SIGNAL = f"notify {OUTGOING_CHANNEL}"


@overload
def enqueue(conn: AsyncConn, task: str, options: Options | None = None, /, **args: Any) -> Awaitable[int]: ...
@overload
def enqueue(conn: SyncConn, task: str, options: Options | None = None, /, **args: Any) -> int: ...
def enqueue(
    conn: AsyncConn | SyncConn, task: str, options: Options | None = None, /, **args: Any
) -> Awaitable[int] | int:
    """Starts a job; its id. Raises QueueingLockTaken outside of a handler; within, the job is left out."""
    return _follow(conn, Wish("job", [job(task, options, **args)]), _first)


@overload
def publish(conn: AsyncConn, event: str, payload: Mapping[str, Any], /) -> Awaitable[list[int]]: ...
@overload
def publish(conn: SyncConn, event: str, payload: Mapping[str, Any], /) -> list[int]: ...
def publish(
    conn: AsyncConn | SyncConn, event: str, payload: Mapping[str, Any], /
) -> Awaitable[list[int]] | list[int]:
    """A job for each task that subscribes to the domain event, the payload its arguments; their ids.

    The payload carries the state. Where nobody subscribes there is no job.
    """
    return _follow(conn, Wish("event", event=event, payload=dict(payload)), lambda started: started.ids)


@overload
def chain(conn: AsyncConn, /, *steps: Step, results: str | None = None) -> Awaitable[int]: ...
@overload
def chain(conn: SyncConn, /, *steps: Step, results: str | None = None) -> int: ...
def chain(conn: AsyncConn | SyncConn, /, *steps: Step, results: str | None = None) -> Awaitable[int] | int:
    """Each step starts when the one before it has succeeded; the id of the first.

    With `results`, a step gets what the one before it returned as the argument of that name.
    """
    if not steps:
        raise invalid("steps", "are none")
    return _follow(conn, Wish("chain", list(steps), results=results), _first)


@overload
def group(
    conn: AsyncConn, /, *steps: Step, callback: Step | None = None, on: On = "all", results: str | None = None
) -> Awaitable[list[int]]: ...
@overload
def group(
    conn: SyncConn, /, *steps: Step, callback: Step | None = None, on: On = "all", results: str | None = None
) -> list[int]: ...
def group(
    conn: AsyncConn | SyncConn,
    /,
    *steps: Step,
    callback: Step | None = None,
    on: On = "all",
    results: str | None = None,
) -> Awaitable[list[int]] | list[int]:
    """Starts all steps at once; their ids. The callback starts once all, or any, have ended, however.

    With `results`, it gets [{"job_id", "status", "result"}], in the order of the steps, as that argument.
    """
    if not steps and callback is None:
        raise invalid("steps", "are none, and there is no callback")
    wish = Wish("group", list(steps), callback, on, results)
    return _follow(conn, wish, lambda started: started.ids)


def _follow(conn: AsyncConn | SyncConn, wish: Wish, answer: Callable[[Started], T]) -> Awaitable[T] | T:
    require_connection(conn)
    delivery = delivery_of(conn)
    talk = _start(wish) if delivery is None else _collect(delivery, wish)
    if isinstance(conn, ASYNC):
        return _held_async(conn, delivery, talk, answer)
    return answer(_held(conn, delivery, talk))


def _start(wish: Wish) -> Talk[Started]:
    """Outside of a handler: with the catalogue as the caller's transaction sees it.

    In a domain's own database there is none: what is wished is kept there, and relayed after the commit.
    """
    if (yield Query(_HERE, {})) != "true":
        yield Query(_STORE, {"wish": _text(wish)})
        yield Query(_SIGNAL, {})
        return Started([] if wish.kind in ("group", "event") else [LATER])
    tasks = yield Query(_CATALOGUE, {"names": wish.tasks, "events": wish.events})
    jobs = build(wish, make_catalogue(msgspec.json.decode(tasks, type=list[Task])))
    return msgspec.json.decode((yield Query(_START, {"items": _text(items(jobs))})), type=Started)


def _collect(delivery: Delivery, wish: Wish) -> Talk[Started]:
    """Inside of a handler: plain values, to be kept and sent as JSON."""
    jobs = build(wish, delivery.catalogue)
    ids: list[int] = []
    for _ in first_jobs(jobs):
        ids.append((yield None))  # noqa: PERF401 (a comprehension cannot yield)
    for item in msgspec.json.decode(_text(items(with_ids(jobs, ids)))):
        delivery.collect(item)
    return Started(ids)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _held(conn: SyncConn, delivery: Delivery | None, talk: Talk[T]) -> T:
    answer: Any = None
    try:
        while True:
            query = talk.send(answer)
            answer = _drawer(delivery).draw_sync() if query is None else ask(conn, query)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]


async def _held_async(
    conn: AsyncConn, delivery: Delivery | None, talk: Talk[Started], finish: Callable[[Started], T]
) -> T:
    answer: Any = None
    while True:
        try:
            query = talk.send(answer)
        except StopIteration as ended:
            return finish(ended.value)
        answer = await (_drawer(delivery).draw() if query is None else ask_async(conn, query))


def _drawer(delivery: Delivery | None) -> Delivery:
    assert delivery is not None
    return delivery


def _first(started: Started) -> int:
    """Raises QueueingLockTaken where there is none."""
    if not started.ids:
        raise QueueingLockTaken("another waiting job has this queueing lock")
    return started.ids[0]
