"""Publishing a worker's catalogue: API and scheduler know its tasks and schedules without importing them."""

from dataclasses import dataclass
from typing import Any

import jsonschema_rs
import msgspec

from app.database.calls import call
from app.database.pool import Connection
from app.errors import FieldError, Invalid
from app.schedules import decode_definition, encode_definition

VERSION = 1


@dataclass(frozen=True, slots=True)
class Changes:
    """Names, and how many are as they were."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    unchanged: int


@dataclass(frozen=True, slots=True)
class Published(Changes):
    """The tasks', and the schedules' where the catalogue has a list of them."""

    schedules: Changes | None = None


async def publish_tasks(conn: Connection, *, source: str, catalogue: bytes, actor: str) -> Published:
    """Replaces what `source` published before; other sources' tasks stay. Raises Invalid, OWV01."""
    checked = check_catalogue(catalogue)
    query = "select server_api.publish_tasks(%s, %s, %s)::text"
    answer = await call(conn, query, source, checked.decode(), actor)
    return msgspec.json.decode(answer, type=Published)


def check_catalogue(text: bytes) -> bytes:
    """The text, if it is a catalogue of version 1; definitions without what is as by default.

    Raises Invalid, also for a schema that is no JSON Schema and a definition that is none.
    """
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
    return _with_schedules(text, catalogue["schedules"]) if "schedules" in catalogue else text


def _with_schedules(text: bytes, schedules: Any) -> bytes:
    """Everything else stays as it was written."""
    if not isinstance(schedules, list):
        raise _invalid("schedules", "must be an array")
    checked = [_checked_schedule(f"schedules[{index}]", one) for index, one in enumerate(schedules)]
    parts = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({**parts, "schedules": checked})


def _checked_schedule(path: str, schedule: Any) -> dict[str, Any]:
    if not isinstance(schedule, dict) or not isinstance(schedule.get("name"), str):
        raise _invalid(f"{path}.name", "must be a string")
    if not isinstance(schedule.get("definition"), dict):
        raise _invalid(f"{path}.definition", "must be an object")
    try:
        definition = decode_definition(schedule["definition"])
    except Invalid as exc:
        (fault,) = exc.errors
        field = "definition" if fault.field == "body" else f"definition.{fault.field}"
        raise _invalid(f"{path}.{field}", fault.message) from None
    return {"name": schedule["name"], "definition": msgspec.Raw(encode_definition(definition))}


def _check_task(path: str, task: Any) -> None:
    if not isinstance(task, dict) or not isinstance(task.get("name"), str):
        raise _invalid(f"{path}.name", "must be a string")
    try:
        jsonschema_rs.validator_for(task.get("schema") or {}, offline=True)
    except (ValueError, jsonschema_rs.ReferencingError) as exc:
        raise _invalid(f"{path}.schema", str(exc).split("\n")[0]) from None


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", errors=[FieldError(field, message)])
