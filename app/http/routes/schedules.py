"""Schedules and their runs."""

from app.errors import (
    IdempotencyKeyReused,
    InvalidArguments,
    InvalidCursor,
    NotAllowed,
    RevisionConflict,
    RunNotFound,
    ScheduleExists,
    ScheduleNotFound,
    StateConflict,
    UnknownTask,
)
from app.http import bodies, previews, schedule_bodies, schedule_reading, schedule_runs, schedules
from app.http.registry import Answer, Route
from app.http.routes.terms import ADMIN, CONDITIONS, READ, SCHEDULES_WRITE, TAGGED
from app.schedules import Definition

TARGET_ERRORS = (NotAllowed, UnknownTask, InvalidArguments)

SCHEDULES = (
    Route(
        method="GET", path="/v1/schedules", handler=schedule_reading.list_, summary="List the schedules",
        scope=READ, query=schedule_bodies.ListSchedules,
        answers=[Answer(status=200, says="a page", body=schedule_bodies.SchedulePage)],
        errors=[InvalidCursor],
    ),
    Route(
        method="POST", path="/v1/schedules", handler=schedules.create, summary="Make a schedule",
        scope=SCHEDULES_WRITE, query=bodies.WhyQuery, body=schedule_bodies.NewSchedule,
        answers=[Answer(status=201, says="it fires from now on", body=schedule_bodies.Shown,
                        headers=("Location", "ETag"))],
        errors=[*TARGET_ERRORS, ScheduleExists],
    ),
    Route(
        method="POST", path="/v1/schedules/preview", handler=previews.of_definition,
        summary="When a definition would fire; nothing is stored",
        scope=READ, query=schedule_bodies.Range, body=Definition,
        answers=[Answer(status=200, says="planned times", body=schedule_bodies.Preview)],
    ),
    Route(
        method="GET", path="/v1/schedules/{name}", handler=schedule_reading.show,
        summary="A schedule: when it fires next, and how it went last",
        scope=READ, headers=("If-None-Match",),
        answers=[Answer(status=200, says="the schedule", body=schedule_bodies.Shown, headers=TAGGED),
                 Answer(status=304, says="as it was at that ETag", headers=TAGGED)],
        errors=[ScheduleNotFound],
    ),
    Route(
        method="PUT", path="/v1/schedules/{name}", handler=schedules.put,
        summary="Make a schedule, or give it a whole new definition",
        scope=SCHEDULES_WRITE, query=bodies.WhyQuery, body=Definition, headers=CONDITIONS,
        answers=[Answer(status=200, says="it is like that", body=schedule_bodies.Shown, headers=TAGGED),
                 Answer(status=201, says="it is new", body=schedule_bodies.Shown, headers=TAGGED)],
        errors=[*TARGET_ERRORS, ScheduleNotFound, RevisionConflict],
    ),
    Route(
        method="PATCH", path="/v1/schedules/{name}", handler=schedules.patch,
        summary="Change some of a schedule's fields (JSON merge patch)",
        scope=SCHEDULES_WRITE, query=bodies.WhyQuery, body=schedule_bodies.SchedulePatch, headers=CONDITIONS,
        answers=[Answer(status=200, says="it is like that", body=schedule_bodies.Shown, headers=TAGGED)],
        errors=[*TARGET_ERRORS, ScheduleNotFound, RevisionConflict],
    ),
    Route(
        method="DELETE", path="/v1/schedules/{name}", handler=schedules.remove,
        summary="Delete a schedule; its open jobs go on",
        scope=SCHEDULES_WRITE, query=bodies.WhyQuery, headers=CONDITIONS,
        answers=[Answer(status=204, says="deleted")],
        errors=[ScheduleNotFound, StateConflict, RevisionConflict],
    ),
    Route(
        method="POST", path="/v1/schedules/{name}/pause", handler=schedules.pause,
        summary="Let it fire no more until it is resumed",
        scope=SCHEDULES_WRITE, body=bodies.Why, body_optional=True,
        answers=[Answer(status=200, says="it is paused", body=schedule_bodies.Shown, headers=TAGGED)],
        errors=[ScheduleNotFound],
    ),
    Route(
        method="POST", path="/v1/schedules/{name}/resume", handler=schedules.resume,
        summary="Let it fire again; what was due in the pause is passed over",
        scope=SCHEDULES_WRITE, body=bodies.Why, body_optional=True,
        answers=[Answer(status=200, says="it is not paused", body=schedule_bodies.Shown, headers=TAGGED)],
        errors=[ScheduleNotFound],
    ),
    Route(
        method="GET", path="/v1/schedules/{name}/preview", handler=previews.of_schedule,
        summary="When a schedule fires next, or between two times",
        scope=READ, query=schedule_bodies.Range,
        answers=[Answer(status=200, says="planned times", body=schedule_bodies.Preview)],
        errors=[ScheduleNotFound],
    ),
    Route(
        method="POST", path="/v1/schedules/{name}/run-now", handler=schedule_runs.run_now,
        summary="A run now, also of a paused schedule",
        scope=ADMIN, body=schedule_bodies.RunNow, headers=("Idempotency-Key",),
        answers=[Answer(status=202, says="it starts, or waits for an open run",
                        body=schedule_bodies.RunAccepted, headers=("Location", "Idempotent-Replayed"))],
        errors=[ScheduleNotFound, StateConflict, UnknownTask, InvalidArguments, IdempotencyKeyReused],
    ),
    Route(
        method="POST", path="/v1/schedules/{name}/backfill", handler=schedule_runs.backfill,
        summary="A run for each planned time of a range that has passed",
        scope=ADMIN, body=schedule_bodies.NewBackfill,
        answers=[Answer(status=202, says="the runs wait for their turn",
                        body=schedule_bodies.BackfillAccepted)],
        errors=[ScheduleNotFound],
    ),
    Route(
        method="GET", path="/v1/schedules/{name}/runs", handler=schedule_runs.runs,
        summary="List a schedule's runs, the newest first",
        scope=READ, query=schedule_bodies.ListRuns,
        answers=[Answer(status=200, says="a page", body=schedule_bodies.RunPage)],
        errors=[ScheduleNotFound, InvalidCursor],
    ),
    Route(
        method="GET", path="/v1/schedules/{name}/runs/{run_id}", handler=schedule_runs.run,
        summary="A run: its jobs, its outcome, who asked for it and why",
        scope=READ, answers=[Answer(status=200, says="the run", body=schedule_bodies.RunDetail)],
        errors=[ScheduleNotFound, RunNotFound],
    ),
)  # fmt: skip
