"""The catalogue of tasks, and the queues."""

from app.errors import NotFound
from app.http import bodies, reading
from app.http.registry import Answer, Route
from app.http.routes.terms import READ
from app.queries.tasks import Task

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
