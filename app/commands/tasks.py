"""Publishing a worker's catalogue, so that the API validates without importing the worker."""

from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import msgspec

from app.database.calls import call
from app.database.pool import Connection
from app.errors import FieldError, Invalid

VERSION = 1


@dataclass(frozen=True, slots=True)
class Published:
    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: int


async def publish_tasks(conn: Connection, *, source: str, catalogue: bytes, actor: str) -> Published:
    """Replaces what `source` published before; other sources' tasks stay. Raises Invalid, OWV01."""
    checked = check_catalogue(catalogue)
    query = "select server_api.publish_tasks(%s, %s, %s)::text"
    answer = await call(conn, query, source, checked.decode(), actor)
    return msgspec.json.decode(answer, type=Published)


def check_catalogue(text: bytes) -> bytes:
    """The text itself, if it is a catalogue of version 1 whose schemas are JSON Schemas."""
    try:
        catalogue = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise _invalid("catalogue", f"not JSON: {exc}") from None
    if not isinstance(catalogue, dict) or catalogue.get("catalogue") != VERSION:
        raise _invalid("catalogue", f"not a catalogue of version {VERSION}")
    tasks = catalogue.get("tasks")
    if not isinstance(tasks, list):
        raise _invalid("tasks", "must be an array")
    for index, task in enumerate(tasks):
        _check_task(f"tasks[{index}]", task)
    return text


def _check_task(path: str, task: Any) -> None:
    if not isinstance(task, dict) or not isinstance(task.get("name"), str):
        raise _invalid(f"{path}.name", "must be a string")
    try:
        jsonschema_rs.validator_for(task.get("schema") or {}, offline=True)
    except (ValueError, jsonschema_rs.ReferencingError) as exc:
        raise _invalid(f"{path}.schema", str(exc).split("\n")[0]) from None


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", errors=[FieldError(field, message)])
