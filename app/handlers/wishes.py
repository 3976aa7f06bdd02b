"""What is asked to follow, as plain data, and what the catalogue makes of it: jobs, or a flow of jobs."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from app.commands.catalogue import Catalogue
from app.commands.jobs_in import JobIn
from app.handlers.steps import Step, job, prepare

On = Literal["all", "any"]
# Signalled in a domain's own database when something is wished there.
OUTGOING_CHANNEL = "ow_in"


class Wish(Struct, frozen=True, omit_defaults=True):
    """A job, a chain or a group of steps, or a domain event with its payload."""

    kind: Literal["job", "chain", "group", "event"]
    steps: list[Step] = []
    callback: Step | None = None
    on: On = "all"
    results: str | None = None
    event: str | None = None
    payload: dict[str, Any] = {}

    @property
    def tasks(self) -> list[str]:
        """The tasks that it names."""
        return [step.task for step in (*self.steps, self.callback) if step is not None]

    @property
    def events(self) -> list[str]:
        """The domain event whose subscribers it means."""
        return [] if self.event is None else [self.event]


class Flow(Struct, frozen=True):
    """A chain or a group; only jobs that start at once may have ids."""

    kind: Literal["chain", "group"]
    jobs: list[JobIn]
    rule: On | None = None
    results: str | None = None
    callback: JobIn | None = None


Jobs = list[JobIn] | Flow


def build(wish: Wish, catalogue: Catalogue) -> Jobs:
    """Raises UnknownTask, InvalidArguments, Invalid."""
    if wish.kind == "event":
        names = sorted({entry.task.name for entry in catalogue.values() if wish.event in entry.task.events})
        return [prepare(job(name, **wish.payload), catalogue) for name in names]
    if wish.kind == "chain":
        later = [None, *[wish.results] * (len(wish.steps) - 1)]
        steps = [prepare(step, catalogue, later=name) for step, name in zip(wish.steps, later, strict=True)]
        return Flow("chain", steps, results=wish.results)
    jobs = [prepare(step, catalogue) for step in wish.steps]
    if wish.kind == "job":
        return jobs
    after = None if wish.callback is None else prepare(wish.callback, catalogue, later=wish.results)
    return Flow("group", jobs, wish.on, wish.results, after)


def first_jobs(jobs: Jobs) -> list[JobIn]:
    """Those that start at once."""
    if isinstance(jobs, Flow):
        return jobs.jobs[:1] if jobs.kind == "chain" else jobs.jobs
    return jobs


def with_ids(jobs: Jobs, ids: list[int]) -> Jobs:
    """`ids` are of the first jobs, drawn before."""
    first = [msgspec.structs.replace(one, id=id_) for one, id_ in zip(first_jobs(jobs), ids, strict=True)]
    if isinstance(jobs, Flow):
        return msgspec.structs.replace(jobs, jobs=[*first, *jobs.jobs[len(first) :]])
    return first


def items(jobs: Jobs) -> list[dict[str, Any]]:
    """As start_jobs, acknowledge_events and relay_jobs take them."""
    return [{"flow": jobs}] if isinstance(jobs, Flow) else [{"job": one} for one in jobs]
