"""Schedules as they are defined, and when they fire: plain functions, no database."""

from app.schedules.definition import Definition, Target, decode_definition, encode_definition, merge
from app.schedules.planning import GRACE, MOST_MISSED, Plan, PlannedRun, plan
from app.schedules.timetable import Fire, fires, next_fire
from app.schedules.wording import words

__all__ = [
    "GRACE",
    "MOST_MISSED",
    "Definition",
    "Fire",
    "Plan",
    "PlannedRun",
    "Target",
    "decode_definition",
    "encode_definition",
    "fires",
    "merge",
    "next_fire",
    "plan",
    "words",
]
