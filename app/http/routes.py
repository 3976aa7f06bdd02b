"""Every route of the API, on one page."""

from app.errors import (
    HeartbeatFailed,
    IdempotencyKeyReused,
    InvalidArguments,
    InvalidConfiguration,
    InvalidCursor,
    InvalidTransition,
    JobGone,
    JobNotFound,
    NotAllowed,
    NotFound,
    NotReady,
    QueueingLockTaken,
    QueueRefusesTask,
    RevisionConflict,
    RouteNotFound,
    RunNotFound,
    ScheduleExists,
    ScheduleNotFound,
    StateConflict,
    StorageFailed,
    UnknownTask,
    WorkerExists,
    WorkerLive,
    WorkerNotFound,
)
from app.http import (
    bodies,
    enqueueing,
    health,
    metrics,
    operating,
    pages,
    previews,
    reading,
    results,
    schedule_bodies,
    schedule_reading,
    schedule_runs,
    schedules,
    secrets,
    streaming,
    workers,
)  # fmt: skip
from app.http.registry import Answer, Route
from app.queries.jobs import Job
from app.queries.tasks import Task
from app.queries.workers import Worker
from app.schedules import Definition

READ, WRITE, OPERATE, ADMIN = "jobs:read", "jobs:write", "jobs:operate", "admin"
METRICS = "metrics:read"
WORKERS_WRITE = "workers:write"
SCHEDULES_WRITE = "schedules:write"
ENQUEUE_ERRORS = (
    NotAllowed, UnknownTask, InvalidArguments, QueueRefusesTask, QueueingLockTaken, IdempotencyKeyReused,
)  # fmt: skip
MISSING = (JobNotFound, JobGone)
LOCATED = ("Location",)
TAGGED = ("ETag",)
CONDITIONS = ("If-Match", "If-None-Match")
TARGET_ERRORS = (NotAllowed, UnknownTask, InvalidArguments)

JOBS = (
    Route(
        method="POST", path="/v1/jobs", handler=enqueueing.post_job, summary="Enqueue a job",
        scope=WRITE, body=bodies.NewJob, headers=("Idempotency-Key",),
        answers=[Answer(status=201, says="committed", body=bodies.Enqueued,
                        headers=("Location", "Idempotent-Replayed"))],
        errors=ENQUEUE_ERRORS,
    ),
    Route(
        method="POST", path="/v1/jobs:batch", handler=enqueueing.post_batch,
        summary="Enqueue up to 10,000 jobs, all or nothing",
        scope=WRITE, body=bodies.NewBatch, headers=("Idempotency-Key",),
        answers=[Answer(status=201, says="committed", body=bodies.EnqueuedBatch,
                        headers=("Idempotent-Replayed",))],
        errors=ENQUEUE_ERRORS,
    ),
    Route(
        method="GET", path="/v1/jobs", handler=reading.list_, summary="List jobs, the newest first",
        scope=READ, query=bodies.ListJobs,
        answers=[Answer(status=200, says="a page", body=bodies.JobPage)], errors=[InvalidCursor],
    ),
    Route(
        method="GET", path="/v1/jobs/{job_id}", handler=reading.show, summary="Show a job",
        scope=READ, answers=[Answer(status=200, says="the job", body=Job)],
        errors=MISSING,
    ),
    Route(
        method="GET", path="/v1/jobs/{job_id}/attempts", handler=reading.attempts,
        summary="The runs that ended", scope=READ,
        answers=[Answer(status=200, says="attempts", body=bodies.Attempts)],
        errors=MISSING,
    ),
    Route(
        method="GET", path="/v1/jobs/{job_id}/result", handler=results.result,
        summary="How the job ended; waits up to 60 s for it",
        scope=READ, query=bodies.Wait, errors=MISSING,
        answers=[Answer(status=200, says="it ended", body=bodies.Result),
                 Answer(status=202, says="it has not ended yet", body=bodies.JobStatus, headers=LOCATED)],
    ),
    Route(
        method="GET", path="/v1/jobs/{job_id}/events", handler=streaming.events,
        summary="Changes of the job's state as server-sent events; ends when the job is final",
        scope=READ, headers=("Last-Event-ID",), errors=MISSING,
        answers=[Answer(status=200, says="the stream", media="text/event-stream"),
                 Answer(status=204, says="the job is final and every event was seen")],
    ),
)  # fmt: skip

VERBS = (
    Route(
        method="POST", path="/v1/jobs/{job_id}/cancel", handler=operating.cancel,
        summary="Cancel a waiting job, ask a running one to abort",
        scope=OPERATE, body=bodies.Why, body_optional=True,
        answers=[Answer(status=202, says="cancelled or asked", body=bodies.JobStatus, headers=LOCATED)],
        errors=[*MISSING, StateConflict],
    ),
    Route(
        method="POST", path="/v1/jobs/{job_id}/retry", handler=operating.retry,
        summary="One more run of a job that failed, was cancelled or aborted",
        scope=OPERATE, body=bodies.Why, body_optional=True,
        answers=[Answer(status=202, says="it waits again", body=bodies.JobStatus, headers=LOCATED)],
        errors=[*MISSING, StateConflict, QueueingLockTaken, QueueRefusesTask],
    ),
    Route(
        method="POST", path="/v1/jobs/{job_id}/run-now", handler=operating.run_now,
        summary="A scheduled job is due now; a finished one runs again as a new job",
        scope=ADMIN, body=bodies.MandatoryWhy,
        answers=[Answer(status=201, says="a new job", body=bodies.JobStatus, headers=LOCATED),
                 Answer(status=202, says="due now", body=bodies.JobStatus, headers=LOCATED)],
        errors=[*MISSING, StateConflict, QueueingLockTaken, QueueRefusesTask],
    ),
    Route(
        method="DELETE", path="/v1/jobs/{job_id}", handler=operating.remove,
        summary="Delete a finished job with its attempts and events, for good",
        scope=OPERATE, query=bodies.WhyQuery,
        answers=[Answer(status=204, says="deleted")],
        errors=[*MISSING, StateConflict],
    ),
)  # fmt: skip

TASKS = (
    Route(
        method="GET", path="/v1/tasks", handler=reading.tasks, summary="The published tasks",
        scope=READ, answers=[Answer(status=200, says="tasks", body=bodies.Tasks)],
    ),
    Route(
        method="GET", path="/v1/tasks/{name}", handler=reading.task,
        summary="One task, with its arguments' schema", scope=READ,
        answers=[Answer(status=200, says="the task", body=Task)],
        errors=[NotFound],
    ),
)  # fmt: skip

WORKERS = (
    Route(
        method="POST", path="/v1/workers", handler=workers.register,
        summary="Register a worker; it gets no jobs by that",
        scope=WORKERS_WRITE, body=bodies.NewWorker,
        answers=[Answer(status=201, says="registered, pending", body=Worker, headers=LOCATED)],
        errors=[InvalidConfiguration, WorkerExists, StorageFailed],
    ),
    Route(
        method="GET", path="/v1/workers", handler=workers.list_, summary="List the workers",
        scope=READ, query=bodies.ListWorkers,
        answers=[Answer(status=200, says="a page", body=bodies.WorkerPage)],
        errors=[InvalidCursor, StorageFailed],
    ),
    Route(
        method="GET", path="/v1/workers/{worker_id}", handler=workers.show,
        summary="A worker with its sessions, running jobs and history",
        scope=READ, query=bodies.History,
        answers=[Answer(status=200, says="the worker", body=bodies.WorkerDetail)],
        errors=[WorkerNotFound, StorageFailed],
    ),
    Route(
        method="PATCH", path="/v1/workers/{worker_id}", handler=workers.set_status,
        summary="Give a worker the next status by hand",
        scope=WORKERS_WRITE, body=bodies.NewStatus,
        answers=[Answer(status=200, says="it has the status", body=Worker)],
        errors=[WorkerNotFound, InvalidTransition, StorageFailed],
    ),
    Route(
        method="DELETE", path="/v1/workers/{worker_id}", handler=workers.remove,
        summary="Take a worker without a live session out of the registry",
        scope=WORKERS_WRITE, query=bodies.WhyQuery,
        answers=[Answer(status=204, says="removed, with its history")],
        errors=[WorkerNotFound, WorkerLive, StorageFailed],
    ),
    Route(
        method="POST", path="/v1/workers/{worker_id}/heartbeat", handler=workers.heartbeat,
        summary="A sign of life; it changes no status",
        scope=WORKERS_WRITE, answers=[Answer(status=200, says="recorded", body=Worker)],
        errors=[WorkerNotFound, HeartbeatFailed],
    ),
    Route(
        method="POST", path="/v1/workers/{worker_id}/drain", handler=workers.drain,
        summary="Hand out no more jobs to a worker; what it has it finishes",
        scope=WORKERS_WRITE, body=bodies.Why, body_optional=True,
        answers=[Answer(status=202, says="it drains: `running` jobs are left", body=Worker)],
        errors=[WorkerNotFound, StorageFailed],
    ),
    Route(
        method="POST", path="/v1/workers/{worker_id}/resume", handler=workers.resume,
        summary="Hand out jobs to a drained worker again",
        scope=WORKERS_WRITE, body=bodies.Why, body_optional=True,
        answers=[Answer(status=202, says="it gets jobs again", body=Worker)],
        errors=[WorkerNotFound, StorageFailed],
    ),
)  # fmt: skip

SECRETS = (
    Route(
        method="GET", path="/v1/secrets", handler=secrets.list_, summary="List secrets, without their values",
        scope=ADMIN, answers=[Answer(status=200, says="secrets", body=bodies.Secrets)], errors=[NotAllowed],
    ),
    Route(
        method="PUT", path="/v1/secrets/{name}", handler=secrets.put,
        summary="Set a secret's value and who gets it", scope=ADMIN, body=bodies.NewSecret,
        answers=[Answer(status=204, says="set")], errors=[NotAllowed],
    ),
    Route(
        method="DELETE", path="/v1/secrets/{name}", handler=secrets.remove, summary="Delete a secret",
        scope=ADMIN, answers=[Answer(status=204, says="gone")], errors=[NotAllowed, NotFound],
    ),
)  # fmt: skip

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

OBSERVE = (
    Route(
        method="GET", path="/metrics", handler=metrics.metrics, summary="Metrics for Prometheus",
        scope=METRICS,
        answers=[Answer(status=200, says="text, or OpenMetrics where that is asked for", media="text/plain")],
    ),
)  # fmt: skip

OPEN = (
    Route(
        method="GET", path="/livez", handler=health.livez, summary="The process answers",
        scope=None, answers=[Answer(status=200, says="alive", body=bodies.Health)],
    ),
    Route(
        method="GET", path="/readyz", handler=health.readyz,
        summary="Database, migration head and LISTEN are well",
        scope=None, answers=[Answer(status=200, says="ready", body=bodies.Health)], errors=[NotReady],
    ),
    Route(
        method="GET", path="/", handler=pages.index, summary="Where things are",
        scope=None, answers=[Answer(status=200, says="an index")],
    ),
    Route(
        method="GET", path="/openapi.json", handler=pages.openapi, summary="This document",
        scope=None, answers=[Answer(status=200, says="OpenAPI 3.1")],
    ),
    Route(
        method="GET", path="/docs", handler=pages.docs, summary="This document for people",
        scope=None, answers=[Answer(status=200, says="a page", media="text/html")],
    ),
    Route(
        method="GET", path="/problems", handler=pages.problems, summary="Every problem",
        scope=None, answers=[Answer(status=200, says="a page", media="text/html")],
    ),
    Route(
        method="GET", path="/problems/{slug}", handler=pages.problem, summary="What a problem means",
        scope=None, answers=[Answer(status=200, says="a page", media="text/html")], errors=[RouteNotFound],
    ),
)  # fmt: skip

ROUTES: tuple[Route, ...] = (*JOBS, *VERBS, *TASKS, *WORKERS, *SECRETS, *SCHEDULES, *OBSERVE, *OPEN)
