"""The registry of workers."""

from app.errors import (
    HeartbeatFailed,
    InvalidConfiguration,
    InvalidCursor,
    InvalidTransition,
    StorageFailed,
    WorkerExists,
    WorkerLive,
    WorkerNotFound,
)
from app.http import bodies, workers
from app.http.registry import Answer, Route
from app.http.routes.terms import LOCATED, READ, WORKERS_WRITE
from app.queries.workers import Worker

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
