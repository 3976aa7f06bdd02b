"""What a field is called in an error: `args.list[1]`."""

import re
from collections.abc import Iterable

import msgspec

from app.errors import FieldError

_AT = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_OBJECT_FIELD = re.compile(
    r"Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL
)
_SAYS = {"missing required": "is missing", "contains unknown": "is unknown"}


def join_path(start: str, steps: Iterable[str | int]) -> str:
    """`args` and ["list", 1] make `args.list[1]`."""
    path = start
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return path


def field_error(exc: msgspec.ValidationError) -> FieldError:
    """msgspec tells path and reason only in its text; it is turned into a field here and nowhere else."""
    found = _AT.match(str(exc))
    assert found is not None
    path, message = (found["path"] or "").lstrip("."), found["message"]
    about = _OBJECT_FIELD.match(message)
    if about is not None:
        return FieldError(join_path(path, [about["name"]]), _SAYS[about["what"]])
    return FieldError(path or "body", message[:1].lower() + message[1:])
