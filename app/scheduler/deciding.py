"""From what the database says is to be done to what is written back; no clock and no connection."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.commands.catalogue import Catalogue
from app.commands.firing import Due, Fired, Look, NewRun, Planned, Start, Startable, Unplanned
from app.commands.members import ALL, make_members, refused
from app.errors import OnewriterError
from app.schedules import GRACE, Definition, PlannedRun, decode_definition, next_fire, plan

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decisions:
    plans: list[Planned] = field(default_factory=list)
    fires: list[Fired] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)


def decide(look: Look, catalogue: Catalogue, grace: timedelta = GRACE) -> Decisions:
    """`grace` is how late a fire may be and not count as missed.

    A schedule whose definition is none, which psql can make, says so in its plan and harms no other."""
    decisions = Decisions(starts=[_start(item, catalogue) for item in look.startable])
    for item in (*look.unplanned, *look.due):
        try:
            definition = decode_definition(bytes(item.definition))
            if isinstance(item, Due):
                decisions.fires.append(_fire(item, definition, catalogue, look.now, grace))
            else:
                decisions.plans.append(_plan(item, definition))
        except OnewriterError as exc:
            decisions.plans.append(Planned(item.id, item.revision, error=exc.detail))
        except Exception as exc:
            # A defect that one definition meets must not stop the others, nor this process at every start.
            log.exception("schedule %s cannot be planned", item.name)
            decisions.plans.append(Planned(item.id, item.revision, error=f"a defect: {type(exc).__name__}"))
    return decisions


def _plan(item: Unplanned, definition: Definition) -> Planned:
    following = next_fire(definition, item.fired_until, item.id)
    if following is None:
        return Planned(item.id, item.revision)
    return Planned(item.id, item.revision, following.planned, following.wake)


def _fire(item: Due, definition: Definition, catalogue: Catalogue, now: datetime, grace: timedelta) -> Fired:
    due = plan(definition, item.fired_until, now, item.id, grace)
    return Fired(
        id=item.id,
        revision=item.revision,
        fired_until=item.fired_until,
        until=due.fired_until,
        next_fire_at=due.next and due.next.planned,
        next_wake_at=due.next and due.next.wake,
        runs=[_run(planned, definition, catalogue) for planned in due.runs],
    )


def _run(run: PlannedRun, definition: Definition, catalogue: Catalogue) -> NewRun:
    members = [] if run.skipped else make_members(definition, catalogue, run.planned)
    return NewRun(run.planned, run.trigger, run.missed, run.skipped, members)


def _start(item: Startable, catalogue: Catalogue) -> Start:
    try:
        definition = decode_definition(bytes(item.definition))
        members = make_members(definition, catalogue, item.planned_at, item.args)
    except OnewriterError as exc:
        members = [refused(ALL, exc)]
    return Start(item.run_id, members)
