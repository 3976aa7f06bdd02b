"""A schedule's times, in words."""

from cronsim.explain import explain

from app.schedules.cron import expand
from app.schedules.definition import Definition


def words(definition: Definition) -> str:
    """`At 03:00 every day (Europe/Berlin)`."""
    return f"{_when(definition)} ({definition.timezone})"


def _when(definition: Definition) -> str:
    if definition.cron is not None:
        return explain(expand(definition.cron))
    if definition.every is not None:
        return f"Every {definition.every:g} s"
    at = definition.at or []
    return f"At {at[0]:%Y-%m-%d %H:%M:%S}" + (f" and {len(at) - 1} more" if at[1:] else "")
