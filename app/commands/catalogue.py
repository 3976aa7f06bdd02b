"""The published tasks in memory, each with its compiled validator."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jsonschema_rs
import msgspec

from app.errors import FieldError, InvalidArguments
from app.fields import join_path
from app.queries.tasks import Task

log = logging.getLogger(__name__)

MOST_ERRORS = 20
MOST_TEXT = 300


class Validator(Protocol):
    def is_valid(self, instance: Any) -> bool: ...
    def iter_errors(self, instance: Any) -> Iterable[jsonschema_rs.ValidationError]: ...


@dataclass(frozen=True, slots=True)
class Entry:
    task: Task
    validator: Validator | None

    def check(self, args: dict[str, Any]) -> None:
        """Raises InvalidArguments with a field for each fault."""
        if self.validator is not None and not self.validator.is_valid(args):
            raise InvalidArguments(
                f"the arguments do not fit {self.task.name}", errors=_errors(self.validator, args)
            )


Catalogue = Mapping[str, Entry]


def make_catalogue(tasks: Iterable[Task]) -> Catalogue:
    """By name and by alias; a name wins over another task's alias."""
    entries = {task.name: Entry(task, _validator(task)) for task in tasks}
    aliases = {alias: entry for entry in entries.values() for alias in entry.task.aliases}
    return {**aliases, **entries}


def _validator(task: Task) -> Validator | None:
    schema = msgspec.json.decode(task.schema) if isinstance(task.schema, msgspec.Raw) else task.schema
    if schema is None:
        return None
    try:
        return jsonschema_rs.validator_for(schema, offline=True)  # never fetches a $ref from the network
    except (ValueError, jsonschema_rs.ReferencingError):
        log.warning("task %s: its schema is none, arguments are not checked", task.name)
        return None


def _errors(validator: Validator, args: dict[str, Any]) -> list[FieldError]:
    found: list[FieldError] = []
    for error in validator.iter_errors(args):
        found += _field_errors(error)
        if len(found) >= MOST_ERRORS:
            break
    return found[:MOST_ERRORS]


def _field_errors(error: jsonschema_rs.ValidationError) -> list[FieldError]:
    path, kind, message = join_path("args", error.instance_path), error.kind, error.message[:MOST_TEXT]
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return [FieldError(join_path(path, [kind.property]), "is missing")]
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        return [FieldError(join_path(path, [name]), "is unknown") for name in kind.unexpected]
    return [FieldError(path, message)]
