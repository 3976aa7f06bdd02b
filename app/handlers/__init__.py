"""Result handlers: what the API side does when a job has ended, in the transaction of the acknowledgement."""

from app.handlers.delivery import because_of
from app.handlers.events import Event
from app.handlers.following import chain, enqueue, group, publish
from app.handlers.registry import HandlersRefused, on
from app.handlers.steps import Options, job

__all__ = [
    "Event",
    "HandlersRefused",
    "Options",
    "because_of",
    "chain",
    "enqueue",
    "group",
    "job",
    "on",
    "publish",
]
