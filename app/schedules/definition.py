"""What a schedule is: when it fires, what it starts, and what becomes of fires that cannot be as planned."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from app.errors import FieldError, Invalid, Malformed
from app.fields import field_error
from app.schedules import cron, zones

MONTH = 31 * 86_400
ARGS_BYTES = 64 * 1024
DEPTH = 32
YEARS = range(1970, 9000)
WHEN = ("cron", "every", "at")

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset")]


class Target(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Whose jobs a run has; exactly one of these."""

    task: Name | None = None
    tasks: Annotated[list[Name], Meta(min_length=1, max_length=1000)] | None = None
    group: Name | None = None
    all: bool = False


class Definition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of cron, every and at says when. `start` and `end` belong to the time in which it fires.

    Made by decode_definition: `at` is sorted and distinct, every instant is in UTC.
    """

    cron: (
        Annotated[
            str,
            Meta(
                max_length=200, description="5 fields, or 6 with the seconds first, or @hourly and the like"
            ),
        ]
        | None
    ) = None
    every: (
        Annotated[float, Meta(ge=1, le=MONTH, description="seconds; counted from start, else from 1970")]
        | None
    ) = None
    at: Annotated[list[Instant], Meta(min_length=1, max_length=1000)] | None = None
    timezone: Annotated[str, Meta(max_length=64, description="IANA name")] = "UTC"
    target: Target
    args: dict[str, Any] = {}
    queue: Name | None = None
    priority: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    lock: Name | None = None
    queueing_lock: Name | None = None
    enabled: bool = True
    start: Instant | None = None
    end: Instant | None = None
    jitter: Annotated[float, Meta(ge=0, le=3600, description="seconds")] = 0.0
    gap: Literal["shift", "skip"] = "shift"
    overlap: Literal["first", "second", "both"] = "first"
    missed: Literal["once", "skip", "all"] = "once"
    overlapping: Literal["skip", "allow", "queue", "cancel_running"] = "skip"
    timestamp: Annotated[
        bool, Meta(description="the jobs' args get `timestamp`: the planned time in Unix seconds")
    ] = False
    description: Annotated[str, Meta(max_length=1000)] | None = None


def decode_definition(raw: bytes | dict[str, Any]) -> Definition:
    """A null is as good as a missing field. Raises Malformed, and Invalid with the first field at fault."""
    given = _read(raw)
    _refuse((field, _unstorable(value, DEPTH)) for field, value in given.items())
    try:
        definition = msgspec.convert(given, Definition)
    except msgspec.ValidationError as exc:
        raise _invalid(field_error(exc)) from None
    _refuse(_faults(definition))
    return _normal(definition)


def encode_definition(definition: Definition) -> bytes:
    """JSON without what is as by default. (omit_defaults would leave a float in that equals one.)"""
    told = {field: getattr(definition, field) for field in definition.__struct_fields__}
    return msgspec.json.encode(
        {field: value for field, value in told.items() if value != getattr(_PLAIN, field)}
    )


_PLAIN = Definition(target=Target())


def merge(current: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Field by field, each as a whole; null takes one back to its default.

    A new `every` replaces an old `cron`: one of the three says when.
    """
    timed = any(patch.get(field) is not None for field in WHEN)
    kept = {field: value for field, value in current.items() if not (timed and field in WHEN)}
    return {field: value for field, value in {**kept, **patch}.items() if value is not None}


def _read(raw: bytes | dict[str, Any]) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(raw if isinstance(raw, bytes) else msgspec.json.encode(raw))
    except RecursionError:
        raise _invalid(FieldError("body", f"is nested deeper than {DEPTH}")) from None
    except (msgspec.DecodeError, UnicodeError) as exc:
        raise Malformed(str(exc)) from None
    if not isinstance(value, dict):
        raise _invalid(FieldError("body", "must be an object"))
    return {field: item for field, item in value.items() if item is not None}


def _faults(definition: Definition) -> Iterator[tuple[str, str | None]]:
    """What the types do not say."""
    yield "body", _one_of(definition, *WHEN)
    yield "target", _one_of(definition.target, *Target.__struct_fields__)
    yield "cron", None if definition.cron is None else cron.fault(definition.cron)
    yield "timezone", zones.fault(definition.timezone)
    yield "args", _size_fault(definition.args)
    for field, instant in _instants(definition):
        yield field, None if instant.year in YEARS else f"its year is not from {YEARS[0]} to {YEARS[-1]}"
    if definition.start and definition.end and definition.end < definition.start:
        yield "end", "lies before start"


def _one_of(part: Struct, *fields: str) -> str | None:
    given = [field for field in fields if getattr(part, field) not in (None, False)]
    return None if len(given) == 1 else f"must have exactly one of {', '.join(fields)}"


def _size_fault(args: dict[str, Any]) -> str | None:
    size = len(msgspec.json.encode(args))
    return f"is {size} bytes, at most {ARGS_BYTES} are allowed" if size > ARGS_BYTES else None


def _instants(definition: Definition) -> Iterator[tuple[str, datetime]]:
    for field in ("start", "end"):
        if (instant := getattr(definition, field)) is not None:
            yield field, instant
    for n, instant in enumerate(definition.at or ()):
        yield f"at[{n}]", instant


def _unstorable(value: Any, room: int) -> str | None:
    """A text that PostgreSQL cannot hold, or too much inside each other."""
    if isinstance(value, str):
        return "contains NUL" if "\0" in value else None
    if not isinstance(value, dict | list):
        return None
    if room <= 0:
        return f"is nested deeper than {DEPTH}"
    parts = [*value, *value.values()] if isinstance(value, dict) else value
    return next((fault for part in parts if (fault := _unstorable(part, room - 1))), None)


def _normal(definition: Definition) -> Definition:
    return msgspec.structs.replace(
        definition,
        at=definition.at and sorted({instant.astimezone(UTC) for instant in definition.at}),
        start=definition.start and definition.start.astimezone(UTC),
        end=definition.end and definition.end.astimezone(UTC),
    )


def _refuse(faults: Iterable[tuple[str, str | None]]) -> None:
    for field, message in faults:
        if message:
            raise _invalid(FieldError(field, message))


def _invalid(error: FieldError) -> Invalid:
    return Invalid(f"{error.field}: {error.message}", errors=[error])
