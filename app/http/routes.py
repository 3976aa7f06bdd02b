"""Every route of the API, on one page."""

from app.errors import (
    IdempotencyKeyReused,
    InvalidArguments,
    InvalidCursor,
    JobGone,
    JobNotFound,
    NotAllowed,
    NotFound,
    NotReady,
    QueueingLockTaken,
    RouteNotFound,
    StateConflict,
    UnknownTask,
)
from app.http import bodies, enqueueing, health, metrics, operating, pages, reading, results, streaming
from app.http.registry import Answer, Route
from app.queries.jobs import Job
from app.queries.tasks import Task

READ, WRITE, OPERATE, ADMIN = "jobs:read", "jobs:write", "jobs:operate", "admin"
METRICS = "metrics:read"
ENQUEUE_ERRORS = (NotAllowed, UnknownTask, InvalidArguments, QueueingLockTaken, IdempotencyKeyReused)
MISSING = (JobNotFound, JobGone)
LOCATED = ("Location",)

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
        errors=[*MISSING, StateConflict, QueueingLockTaken],
    ),
    Route(
        method="POST", path="/v1/jobs/{job_id}/run-now", handler=operating.run_now,
        summary="A scheduled job is due now; a finished one runs again as a new job",
        scope=ADMIN, body=bodies.MandatoryWhy,
        answers=[Answer(status=201, says="a new job", body=bodies.JobStatus, headers=LOCATED),
                 Answer(status=202, says="due now", body=bodies.JobStatus, headers=LOCATED)],
        errors=[*MISSING, StateConflict, QueueingLockTaken],
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
        answers=[Answer(status=200, says="alive", body=bodies.Health)],
    ),
    Route(
        method="GET", path="/readyz", handler=health.readyz,
        summary="Database, migration head and LISTEN are well",
        answers=[Answer(status=200, says="ready", body=bodies.Health)], errors=[NotReady],
    ),
    Route(
        method="GET", path="/", handler=pages.index, summary="Where things are",
        answers=[Answer(status=200, says="an index")],
    ),
    Route(
        method="GET", path="/openapi.json", handler=pages.openapi, summary="This document",
        answers=[Answer(status=200, says="OpenAPI 3.1")],
    ),
    Route(
        method="GET", path="/docs", handler=pages.docs, summary="This document for people",
        answers=[Answer(status=200, says="a page", media="text/html")],
    ),
    Route(
        method="GET", path="/problems", handler=pages.problems, summary="Every problem",
        answers=[Answer(status=200, says="a page", media="text/html")],
    ),
    Route(
        method="GET", path="/problems/{slug}", handler=pages.problem, summary="What a problem means",
        answers=[Answer(status=200, says="a page", media="text/html")], errors=[RouteNotFound],
    ),
)  # fmt: skip

ROUTES: tuple[Route, ...] = (*JOBS, *VERBS, *TASKS, *OBSERVE, *OPEN)
