"""Which function handles which ends of which tasks: `@on`, and the rules that its declarations keep to."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal, NamedTuple, TypeVar, get_args

EventName = Literal["succeeded", "failed", "cancelled", "aborted", "*"]
OrderedBy = Literal["job", "key", "lock"]
ConnectionKind = Literal["psycopg", "sqlalchemy"]
Function = TypeVar("Function", bound=Callable[..., Any])
ANY = "*"


class HandlersRefused(Exception):
    """The declarations contradict one another, or a module cannot be loaded; the text is for people."""


class Pair(NamedTuple):
    """A task and an event; `*` in either place is all of them."""

    task: str
    event: str

    def matches(self, task: str, event: str) -> bool:
        return self.task in (task, ANY) and self.event in (event, ANY)

    def meets(self, other: Pair) -> bool:
        """Whether one end can be of both."""
        return _meet(self.task, other.task) and _meet(self.event, other.event)

    def __str__(self) -> str:
        return f"{self.task} {self.event}"


class Kind(NamedTuple):
    """What one transaction's handlers have in common."""

    is_async: bool
    connection: ConnectionKind
    batch: bool
    ordered_by: OrderedBy

    def __str__(self) -> str:
        way = f"{'async' if self.is_async else 'sync'}, {self.connection}, ordered by {self.ordered_by}"
        return way + (", batch" if self.batch else "")


@dataclass(frozen=True, slots=True)
class Handler:
    """`function(conn, event)`, or `function(conn, events)` of a batch."""

    pair: Pair
    kind: Kind
    function: Callable[[Any, Any], Any]

    @property
    def name(self) -> str:
        return f"{self.function.__module__}.{self.function.__qualname__}"


_declared: list[Handler] = []


def on(
    task: str,
    event: EventName,
    *,
    batch: bool = False,
    ordered_by: OrderedBy = "job",
    connection: ConnectionKind = "psycopg",
) -> Callable[[Function], Function]:
    """Decorator: the function handles this end of this task; `*` stands for all of them.

    Raises HandlersRefused for a word that is none. Handlers of one end run in the order of declaration.
    """
    for word, allowed in ((event, EventName), (ordered_by, OrderedBy), (connection, ConnectionKind)):
        if word not in get_args(allowed):
            raise HandlersRefused(f"{word!r} is none of {', '.join(get_args(allowed))}")
    if not isinstance(task, str) or not task:
        raise HandlersRefused(f'{task!r} is no task: say its name, or "*"')

    def declare(function: Function) -> Function:
        _refuse_other_parameters(function, "(conn, events)" if batch else "(conn, event)")
        kind = Kind(inspect.iscoroutinefunction(function), connection, batch, ordered_by)
        _declared.append(Handler(Pair(task, event), kind, function))
        return function

    return declare


def _refuse_other_parameters(function: Callable[..., Any], ours: str) -> None:
    signature = inspect.signature(function)
    try:
        signature.bind(None, None)
    except TypeError:
        raise HandlersRefused(f"{function.__qualname__}{signature} cannot be called with {ours}") from None


def declared() -> Registry:
    """Everything that this process has declared so far. Raises HandlersRefused."""
    return Registry(tuple(_declared))


@dataclass(frozen=True)
class Registry:
    """Handlers in the order of declaration. Raises HandlersRefused for doubles, and where kinds meet."""

    handlers: tuple[Handler, ...]
    _known: dict[tuple[str, str], tuple[Handler, ...]] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        _refuse_doubles(self.handlers)
        _refuse_mixtures(self.handlers)

    @property
    def pairs(self) -> dict[Pair, list[Handler]]:
        found: dict[Pair, list[Handler]] = defaultdict(list)
        for handler in self.handlers:
            found[handler.pair].append(handler)
        return dict(found)

    def of(self, task: str, event: str) -> tuple[Handler, ...]:
        """Who handles this end."""
        known = self._known.get((task, event))
        if known is None:
            known = tuple(handler for handler in self.handlers if handler.pair.matches(task, event))
            self._known[task, event] = known
        return known

    def lanes(self) -> dict[tuple[bool, ConnectionKind], Registry]:
        """By what their connection is: each has one of its own."""
        found: dict[tuple[bool, ConnectionKind], list[Handler]] = defaultdict(list)
        for handler in self.handlers:
            found[handler.kind.is_async, handler.kind.connection].append(handler)
        return {way: Registry(tuple(handlers)) for way, handlers in found.items()}


def _meet(one: str, other: str) -> bool:
    return one == other or ANY in (one, other)


def _refuse_doubles(handlers: Iterable[Handler]) -> None:
    seen: set[tuple[Pair, str]] = set()
    for handler in handlers:
        if (handler.pair, handler.name) in seen:
            raise HandlersRefused(f"{handler.name} is declared twice on {handler.pair}")
        seen.add((handler.pair, handler.name))


def _refuse_mixtures(handlers: Sequence[Handler]) -> None:
    """One end, one transaction, one connection: so all whom it may meet there are of one kind."""
    first: dict[tuple[Pair, Kind], Handler] = {}
    for handler in handlers:
        first.setdefault((handler.pair, handler.kind), handler)
    for one, other in combinations(first.values(), 2):
        if one.kind != other.kind and one.pair.meets(other.pair):
            raise HandlersRefused(
                f"{one.name} on {one.pair} ({one.kind}) and {other.name} on {other.pair} ({other.kind})"
                " may meet in one transaction: they have to be of one kind"
            )
