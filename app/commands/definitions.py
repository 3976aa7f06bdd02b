"""From a stored schedule to its definition and back: patches, the tasks it names, its planned times."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from app.commands.catalogue import Catalogue
from app.errors import FieldError, Invalid, UnknownTask
from app.queries.schedules import Schedule
from app.schedules import Definition, decode_definition, fires, merge
from app.schedules.definition import WHEN

# The times that one backfill may have, and how many are counted to say by how many it has too many.
MOST_TIMES = 10_000
COUNTED = 100_000
TICK = timedelta(microseconds=1)


def definition_of(schedule: Schedule) -> Definition:
    """What counts. Raises Invalid for one that was put past onewriter's checks, in psql."""
    return decode_definition(fields_of(schedule.effective))


def fields_of(value: Any) -> dict[str, Any]:
    """A JSON column, however this connection reads it."""
    fields = msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value
    assert isinstance(fields, dict)
    return fields


def patched(schedule: Schedule, patch: dict[str, Any]) -> Definition:
    """Merge patch (RFC 7396) of what counts; null is the default, or what the code says. Raises Invalid."""
    current = fields_of(schedule.effective)
    if patch.get("args") is not None:
        patch = {**patch, "args": _merge_patch(current.get("args"), patch["args"])}
    if patch.get("target") is not None:  # one kind of target takes another's place
        patch = {**patch, "target": _merge_patch(None, patch["target"])}
    merged = merge(current, patch)
    if schedule.origin == "code":
        merged |= _restored(fields_of(schedule.definition), patch, merged)
    return decode_definition(merged)


def overridden(schedule: Schedule, args: dict[str, Any]) -> Definition:
    """With a run's own arguments over the schedule's, as the scheduler lays them. Raises Invalid."""
    current = fields_of(schedule.effective)
    return decode_definition({**current, "args": {**current.get("args", {}), **args}})


def _merge_patch(current: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    kept = current if isinstance(current, dict) else {}
    changed = {
        name: _merge_patch(kept.get(name), value) for name, value in patch.items() if value is not None
    }
    return {name: value for name, value in kept.items() if name not in patch} | changed


def _restored(published: dict[str, Any], patch: dict[str, Any], merged: dict[str, Any]) -> dict[str, Any]:
    """cron, every and at stand for one another: none of them comes back beside another."""
    nulls = {name for name, value in patch.items() if value is None}
    back = nulls - set(WHEN) if merged.keys() & set(WHEN) else nulls | set(WHEN)
    return {name: published[name] for name in back if name in published}


def named_tasks(definition: Definition) -> dict[str, str]:
    """The tasks by the field that names each; whom a group or `all` means is known when it fires."""
    target = definition.target
    if target.task is not None:
        return {"target.task": target.task}
    return {f"target.tasks[{index}]": name for index, name in enumerate(target.tasks or ())}


def check_tasks(definition: Definition, catalogue: Catalogue) -> None:
    """Every task that is named is published and takes the arguments. Raises UnknownTask, InvalidArguments."""
    named = named_tasks(definition)
    unknown = [
        FieldError(field, "is not published") for field, name in named.items() if name not in catalogue
    ]
    if unknown:
        raise UnknownTask(f"{unknown[0].field}: is not published", errors=unknown)
    # What a timestamp will be is known when it fires; that it will be there is known now.
    args = {**definition.args, "timestamp": 0} if definition.timestamp else definition.args
    for name in named.values():
        catalogue[name].check(args)


def planned_times(
    definition: Definition, *, start: datetime, end: datetime, schedule_id: int
) -> Sequence[datetime]:
    """From `start` on, before `end`; the first first. Raises Invalid for none, and for over MOST_TIMES."""
    planned = (fire.planned for fire in fires(definition, start - TICK, end, seed=schedule_id))
    times = list(islice((time for time in planned if time < end), COUNTED))
    if not times:
        raise _invalid("from", "no planned time lies between from and to")
    if len(times) > MOST_TIMES:
        many = f"{COUNTED:,} or more" if len(times) == COUNTED else f"{len(times):,}"
        raise _invalid("to", f"{many} planned times lie between from and to, at most {MOST_TIMES:,} may")
    return times


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", errors=[FieldError(field, message)])
