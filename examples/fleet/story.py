"""Register, work, die, go offline, hand over, come back: each step with the registry beside it."""

import time
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from examples.fleet.registry import show, until_all, workers
from examples.support.own import own_system, start_scheduler
from examples.support.processes import Process, Processes
from examples.support.story import chapter, check, say, table, until
from examples.support.system import System

REGIONS = {"east": "eu-east", "west": "eu-west"}
SLOTS = 2
LEASE = 5
# The defaults are 15 s of lease, and 30 s until a silent worker is looked for: too long for a story.
QUICK = {
    "ONEWRITER_ACTIVATION_INTERVAL": "0.5",
    "ONEWRITER_STALE_INTERVAL": "0.5",
    "ONEWRITER_STALE_AFTER": "2",
    "ONEWRITER_REACTIVATION_INTERVAL": "0.5",
}
Row = dict[str, Any]


def tell(processes: Processes, *, count: int, seconds: float) -> None:
    """`seconds` of a job: longer than it takes to kill somebody in the middle of it."""
    with own_system("fleet", processes) as system:
        chapter("A system of its own beside yours, so that its scheduler may be quick")
        system.publish("examples.fleet.tasks", "fleet")
        start_scheduler(system, **QUICK)
        say(f"database onewriter_example_fleet · API {system.api.url} · scheduler")
        names = [
            f"{side}-{1 + number // 2}" for number, side in zip(range(count), cycle(REGIONS), strict=False)
        ]
        fleet = start(system, names)
        register(system, names)
        jobs = work(system, names, seconds)
        dead = kill(system, fleet)
        handed_over(system, jobs, dead)
        come_back(system, dead, seconds)


def start(system: System, names: Sequence[str]) -> dict[str, Process]:
    """Worker processes by name, each with its session."""
    started = {name: worker(system, name) for name in names}
    system.wait_for_sessions(*started.values())
    return started


def worker(system: System, name: str) -> Process:
    return system.worker(
        name, "-q", "parcels", "-c", str(SLOTS),
        ONEWRITER_REGION=REGIONS[name.partition("-")[0]],
        ONEWRITER_TASKS="examples.fleet.tasks",
        ONEWRITER_LEASE=str(LEASE),
        ONEWRITER_HEARTBEAT="1",
    )  # fmt: skip


# --- the steps ---------------------------------------------------------------------------------------


def register(system: System, names: Sequence[str]) -> None:
    until_all(system.api, names, lambda row: row["status"] == "active", "the whole fleet is active")
    show(
        system.api,
        f"1. {len(names)} worker processes say who they are: the status, and the jobs that they hold",
    )


def work(system: System, names: Sequence[str], seconds: float) -> list[int]:
    """More jobs than there are slots, so that there is a queue; until everybody is at work."""
    jobs = enqueue(system, 3 * SLOTS * len(names), seconds)
    until_all(system.api, names, lambda row: row["running"] >= SLOTS, "everybody is at work")
    show(system.api, f"2. {len(jobs)} jobs of {seconds:g} s each")
    return jobs


def enqueue(system: System, count: int, seconds: float) -> list[int]:
    jobs = [{"task": "parcels.sort", "args": {"number": n, "seconds": seconds}} for n in range(count)]
    ids: list[int] = system.api.post("/v1/jobs:batch", {"jobs": jobs})["ids"]
    return ids


def kill(system: System, fleet: dict[str, Process]) -> list[str]:
    """A third of each region, without a word to anybody; until the registry has noticed."""
    dead = [name for name in fleet if int(name.partition("-")[2]) % 3 == 2]
    for name in dead:
        fleet[name].kill()
    began = time.monotonic()
    held = sum(workers(system.api)[name]["running"] for name in dead)
    check(held > 0, "the killed held jobs")
    show(system.api, f"3. kill -9 of {', '.join(dead)}: their leases run on, and {held} jobs are theirs")
    until_all(system.api, dead, lambda row: row["status"] == "offline", "the killed are offline")
    show(system.api, f"4. {time.monotonic() - began:.1f} s later: their leases of {LEASE} s are over")
    return dead


def handed_over(system: System, jobs: Sequence[int], dead: Sequence[str]) -> None:
    chapter("5. What the dead held is done elsewhere")
    all_succeed(system, jobs)
    moved = [(job, *told) for job in jobs if len(told := runs(system, job)) > 1]
    table(("job", "was lost with", "and succeeded on"), moved)
    succeeded = [row for job in jobs for row in attempts(system, job) if row["status"] == "succeeded"]
    say(f"{len(jobs)} jobs, {len(succeeded)} results: each exactly one")
    check(len(succeeded) == len(jobs), "each job has exactly one result")
    check({job[1] for job in moved} <= set(dead), "only jobs of the dead were run again")
    check(not {job[2] for job in moved} & set(dead), "they were done by the living")


def come_back(system: System, dead: Sequence[str], seconds: float) -> None:
    back = start(system, dead)
    until_all(system.api, dead, lambda row: row["status"] == "active", "those who are back are active")
    jobs = enqueue(system, 2 * SLOTS * len(workers(system.api)), seconds)
    until_all(system.api, list(back), lambda row: row["running"] > 0, "those who are back get jobs")
    show(system.api, "6. The dead come back under their names, and are given jobs")
    all_succeed(system, jobs)
    history = system.api.get(f"/v1/workers/{workers(system.api)[dead[0]]['id']}")["transitions"]
    chapter(f"The life of {dead[0]}")
    table(
        ("at", "from", "to", "because"),
        [
            (row["at"][11:19], row["from_status"], row["to_status"], row["reason"])
            for row in reversed(history)
        ],
    )


# --- what the API says of the jobs -------------------------------------------------------------------


def all_succeed(system: System, jobs: Sequence[int]) -> None:
    query = "select count(*) as n from inspect.jobs where id = any(%s) and status = 'succeeded'"
    until(lambda: int(system.rows(query, list(jobs))[0]["n"]) == len(jobs), "every job succeeds", 60)


def attempts(system: System, job: int) -> list[Row]:
    found: list[Row] = system.api.get(f"/v1/jobs/{job}/attempts")["items"]
    return found


def runs(system: System, job: int) -> list[str]:
    """The workers that had it, in order."""
    return [row["worker"].partition("/")[2] for row in attempts(system, job)]
