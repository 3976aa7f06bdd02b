"""JSON bodies: fast where they are fine, exact about the field where they are not."""

import json
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from app.errors import FieldError, Invalid, Malformed
from app.fields import field_error, join_path

T = TypeVar("T")
DEPTH = 32
# Around the arguments lie the body, its list of jobs and the job.
ENVELOPE = 3
NUL = b"\\u0000"


class _Bad(str):
    """Stands for a number that JSON or the database cannot hold."""

    __slots__ = ()


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Raises Malformed for what is not JSON, Invalid with the field for what is but may not be stored."""
    try:
        value = decoder.decode(body)
    except msgspec.ValidationError as exc:
        raise _sharpen(body, exc) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise _explain(body, exc) from None
    if NUL in body:
        check(body, DEPTH + ENVELOPE)
    return value


def decode_any(raw: bytes) -> Any:
    """A part of a body that `decode` left as it came: any value, but not deeper than DEPTH."""
    value = decode(_ANY, raw)
    if raw.count(b"{") + raw.count(b"[") > DEPTH:
        check(raw, DEPTH)
    return value


_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def check(body: bytes, depth: int) -> None:
    """Looks at every value; raises Invalid with the first field that is refused."""
    fault = _first_fault(body, depth)
    if fault:
        raise _invalid(fault)


def _sharpen(body: bytes, exc: msgspec.ValidationError) -> Invalid | Malformed:
    error = field_error(exc)
    if error.field == "body" or "[...]" in error.field:  # a number out of range: the place is not told
        try:
            error = _first_fault(body, DEPTH + ENVELOPE) or error
        except (ValueError, RecursionError):  # the decoder stopped before it came to what is no JSON at all
            return _explain(body, exc)
    return _invalid(error)


def _explain(body: bytes, exc: Exception) -> Invalid | Malformed:
    """NaN, a lone surrogate, too deep: other parsers take them, so say which field it is."""
    try:
        fault = _first_fault(body, DEPTH + ENVELOPE)
    except RecursionError:
        return _invalid(FieldError("body", f"is nested deeper than {DEPTH}"))
    except (ValueError, UnicodeDecodeError):
        return Malformed(str(exc))
    return _invalid(fault) if fault else Malformed(str(exc))


def _first_fault(body: bytes, depth: int) -> FieldError | None:
    return next(_faults(_lenient(body), "", depth), None)


def _lenient(body: bytes) -> Any:
    return json.loads(body.decode(), parse_constant=_Bad, parse_float=_float, parse_int=_int)


def _float(text: str) -> float | _Bad:
    value = float(text)
    return value if abs(value) != float("inf") else _Bad(text)


def _int(text: str) -> int | _Bad:
    return int(text) if len(text) <= 4300 else _Bad(text)


def _faults(value: Any, path: str, room: int) -> Iterator[FieldError]:
    if isinstance(value, str):
        if fault := _text_fault(value):
            yield FieldError(path or "body", fault)
        return
    if not isinstance(value, dict | list):
        return
    if room <= 0:
        yield FieldError(path or "body", f"is nested deeper than {DEPTH}")
        return
    for step, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(step, str) and (fault := _text_fault(step)):
            yield FieldError(path or "body", f"a name in it {fault}")
            continue
        yield from _faults(item, join_path(path, [step]), room - 1)


def _text_fault(text: str) -> str | None:
    if isinstance(text, _Bad):
        return "is a number that cannot be stored"
    if "\0" in text:
        return "contains NUL"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "contains a lone surrogate"
    return None


def _invalid(error: FieldError) -> Invalid:
    return Invalid(f"{error.field}: {error.message}", errors=[error])
