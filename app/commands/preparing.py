"""What a job takes from its task, and what any job's arguments have to keep to."""

from typing import NamedTuple, Protocol

from app.commands.catalogue import Catalogue, Entry
from app.errors import FieldError, Invalid, UnknownTask
from app.queries.tasks import Task

ARGS_BYTES = 64 * 1024


class Wish(Protocol):
    """What whoever wants a job may say himself; None leaves it to the task."""

    @property
    def queue(self) -> str | None: ...
    @property
    def priority(self) -> int | None: ...
    @property
    def lock(self) -> str | None: ...
    @property
    def queueing_lock(self) -> str | None: ...


class Place(NamedTuple):
    """Where a job waits, and behind what."""

    queue: str
    priority: int
    lock: str | None
    queueing_lock: str | None


def place(wish: Wish, task: Task) -> Place:
    return Place(
        wish.queue or task.queue or "default",
        wish.priority if wish.priority is not None else task.priority or 0,
        wish.lock or task.lock,
        wish.queueing_lock or task.queueing_lock,
    )


def look_up(catalogue: Catalogue, name: str) -> Entry:
    """By name or alias. Raises UnknownTask."""
    entry = catalogue.get(name)
    if entry is None:
        raise UnknownTask(f"no task is called {name}", errors=[FieldError("task", "is not published")])
    return entry


def allowed_attempts(asked: int | None, task: Task) -> int | None:
    """A job can only lower what its task allows; None is without end."""
    if asked is None:
        return task.max_attempts
    if task.max_attempts is not None and asked > task.max_attempts:
        raise invalid("max_attempts", f"the task allows {task.max_attempts}")
    return asked


def check_size(args: bytes) -> None:
    if len(args) > ARGS_BYTES:
        raise invalid("args", f"is {len(args)} bytes, at most {ARGS_BYTES} are allowed")


def invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", errors=[FieldError(field, message)])
