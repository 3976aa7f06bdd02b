"""Jobs, one by one and many at a time, and what a person does to one."""

from app.errors import (
    FlowNotFound,
    IdempotencyKeyReused,
    InvalidArguments,
    InvalidCursor,
    NotAllowed,
    QueueingLockTaken,
    QueueRefusesTask,
    StateConflict,
    UnknownTask,
)
from app.http import (
    bodies,
    enqueueing,
    flow_bodies,
    flows,
    history,
    notes,
    operating,
    reading,
    results,
    streaming,
)
from app.http.registry import Answer, Route
from app.http.routes.terms import ADMIN, LOCATED, MISSING, OPERATE, READ, WRITE
from app.queries.jobs import Job

ENQUEUE_ERRORS = (
    NotAllowed, UnknownTask, InvalidArguments, QueueRefusesTask, QueueingLockTaken, IdempotencyKeyReused,
)  # fmt: skip

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
        method="GET", path="/v1/jobs/{job_id}/children", handler=flows.children,
        summary="The jobs and flows that follow from its end", scope=READ, query=flow_bodies.ListPage,
        answers=[Answer(status=200, says="a page of jobs, and the flows", body=flow_bodies.Children)],
        errors=[*MISSING, InvalidCursor],
    ),
    Route(
        method="GET", path="/v1/flows/{flow_id}", handler=flows.flow,
        summary="A chain or a group, with its members", scope=READ, query=flow_bodies.ListPage,
        answers=[Answer(status=200, says="the flow and a page of members", body=flow_bodies.FlowDetail)],
        errors=[FlowNotFound, InvalidCursor],
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
        summary="State, progress, logs and chunks as they come: server-sent events, or lines of JSON",
        scope=READ, query=bodies.Follow, headers=("Last-Event-ID",), takes_token=True, errors=MISSING,
        answers=[Answer(status=200, says="the stream; it ends with the job", media="text/event-stream",
                        more_media=("application/x-ndjson",)),
                 Answer(status=204, says="the job is final and every event was seen")],
    ),
    Route(
        method="POST", path="/v1/jobs/{job_id}/events-token", handler=notes.make_events_token,
        summary="A token that opens this job's events without a key, for a while",
        scope=READ, body=bodies.NewEventsToken, body_optional=True, errors=MISSING,
        answers=[Answer(status=201, says="signed, stored nowhere", body=bodies.EventsToken)],
    ),
    Route(
        method="GET", path="/v1/jobs/{job_id}/notes", handler=notes.notes,
        summary="What the job's runs logged and emitted",
        scope=READ, query=bodies.ListNotes, errors=MISSING,
        answers=[Answer(status=200, says="a page, the first first", body=bodies.NotePage)],
    ),
    Route(
        method="GET", path="/v1/jobs/{job_id}/history", handler=history.history,
        summary="Everything that happened to the job: who, what, when and why",
        scope=READ, query=bodies.ListHistory, errors=MISSING,
        answers=[Answer(status=200, says="a page, the first first", body=bodies.HistoryPage)],
    ),
)  # fmt: skip

VERBS = (
    Route(
        method="POST", path="/v1/jobs/{job_id}/cancel", handler=operating.cancel,
        summary="Cancel a waiting job, ask a running one to abort",
        scope=OPERATE, body=flow_bodies.Cancel, body_optional=True,
        answers=[Answer(status=202, says="cancelled or asked, with what waits behind it",
                        body=flow_bodies.Cancelled, headers=LOCATED)],
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
