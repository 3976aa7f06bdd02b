"""Which schedules a key may see and make: those whose target lies wholly within its patterns."""

import re

from aiohttp import web

from app.commands.catalogue import Catalogue
from app.commands.definitions import definition_of, named_tasks
from app.database.pool import Connection
from app.errors import Invalid, NotAllowed, ScheduleNotFound
from app.http.keyring import Key
from app.http.registry import Call
from app.queries.schedules import Schedule, get_schedule
from app.schedules import Definition

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def schedule_name_of(request: web.Request) -> str:
    """What is no name is no schedule: 404."""
    name = request.match_info["name"]
    if not _NAME.fullmatch(name):
        raise _missing(name)
    return name


async def visible_schedule(call: Call, conn: Connection, name: str) -> Schedule:
    """Raises ScheduleNotFound, also for one that the key may not see."""
    schedule = await get_schedule(conn, name=name)
    if schedule is None:
        raise _missing(name)
    return await visible(call, schedule)


async def visible(call: Call, schedule: Schedule) -> Schedule:
    """Raises ScheduleNotFound for one that the key may not see."""
    if not sees(call.key, schedule, await call.services.catalogue.get()):
        raise _missing(schedule.name)
    return schedule


def sees(key: Key, schedule: Schedule, catalogue: Catalogue) -> bool:
    if key.sees_all:
        return True
    try:
        require_target(key, definition_of(schedule), catalogue)
    except (NotAllowed, Invalid):
        return False
    return True


def require_target(key: Key, definition: Definition, catalogue: Catalogue) -> None:
    """Raises NotAllowed, the same for a task that there is not."""
    named = named_tasks(definition)
    if not named and not key.sees_all:
        raise NotAllowed("a group and all tasks are for keys without patterns")
    for name in named.values():
        key.require_task(name)
        task = catalogue[name].task if name in catalogue else None
        key.require_task(task.name if task else name)
        key.require_queue(definition.queue or (task and task.queue) or "default")


def _missing(name: str) -> ScheduleNotFound:
    return ScheduleNotFound(f"no schedule is called {name[:128]}")
