"""A group by hand, an outage and what is made up for, and what silence costs."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from examples.nightly.idle import Statement, wasted, watch
from examples.support.own import own_system, start_scheduler
from examples.support.processes import Process, Processes
from examples.support.story import chapter, check, say, table, until
from examples.support.system import ADMIN, System

NIGHTLY = {"cron": "0 3 * * *", "timezone": "Europe/Berlin", "target": {"group": "nightly"}}
RULES = ("once", "all", "skip")
# Nights in all, and how many are fired before the outage.
NIGHTS, IN_TIME = 5, 2
# In production a minute: this is how late a fire may be before it counts as missed.
MISSED_AFTER = 1.0
HEARTBEAT, LEASE = 20, 60
Row = dict[str, Any]


def tell(processes: Processes, *, night: int, idle: float) -> None:
    with own_system("nightly", processes) as system:
        chapter("A system of its own beside yours, so that its scheduler may fail")
        system.publish("examples.nightly.tasks", "nightly")
        scheduler = new_scheduler(system)
        worker = system.worker(
            "night", ONEWRITER_TASKS="examples.nightly.tasks",
            ONEWRITER_LEASE=str(LEASE), ONEWRITER_HEARTBEAT=str(HEARTBEAT),
        )  # fmt: skip
        system.wait_for_sessions(worker)
        say(f"database onewriter_example_nightly · API {system.api.url} · scheduler · worker")
        run_by_hand(system)
        outage(system, scheduler, night)
        silence(system, idle)


def new_scheduler(system: System) -> Process:
    return start_scheduler(system, ONEWRITER_MISSED_AFTER=str(MISSED_AFTER))


# --- 1. a group, by hand -----------------------------------------------------------------------------


def run_by_hand(system: System) -> None:
    chapter("1. One schedule for a group of tasks, and nobody waits for three o'clock")
    schedule = system.api.put("/v1/schedules/nightly", {**NIGHTLY, "description": "What the night is for."})
    say(f"nightly fires {schedule['words']}, next at {schedule['next_fire_at']}")
    reason = "the figures were wrong this morning"
    asked = system.api.post("/v1/schedules/nightly/run-now", {"reason": reason})
    run = finished(system, "nightly", asked["run_id"])
    table(("task", "job", "ended", "why"), [outcome(system, member) for member in run["members"]])
    summary = run["run"]
    say(f"run {summary['id']} ({summary['trigger']}, “{summary['reason']}”): {summary['outcome']}")
    check(summary["outcome"] == "partial", "two of three succeed")


def finished(system: System, schedule: str, run_id: int) -> Row:
    """A run with its members, once the last of them has ended."""
    path = f"/v1/schedules/{schedule}/runs/{run_id}"
    until(lambda: system.api.get(path)["run"]["state"] == "finished", f"run {run_id} ends")
    run: Row = system.api.get(path)
    return run


def outcome(system: System, member: Row) -> tuple[Any, ...]:
    job = system.api.get(f"/v1/jobs/{member['job_id']}/result")
    error = (job["error"] or "").strip().splitlines()
    return member["task"], member["job_id"], member["status"], error[-1].strip() if error else job["result"]


# --- 2. an outage ------------------------------------------------------------------------------------


def outage(system: System, scheduler: Process, night: int) -> None:
    chapter(f"2. {NIGHTS} nights of {night} s each, in the third of which the scheduler dies")
    planned = plan_nights(system, night)
    until(lambda: len(runs(system, "once")) >= IN_TIME, "the nights before the outage")
    scheduler.kill()
    fired = len(runs(system, "once"))
    say(f"{fired} nights began {lateness(system):.0f} ms late at most; then kill -9 of the scheduler")
    back = planned[-1].timestamp() + MISSED_AFTER + 0.5
    time.sleep(max(0, back - time.time()))
    check(len(runs(system, "once")) == fired, "nothing fires without a scheduler")
    say(f"{NIGHTS - fired} nights later a new one starts:")
    new_scheduler(system)
    until(lambda: all(made_up(system, rule) for rule in RULES), "what was missed is made up for")
    table(("schedule", "trigger", "planned for", "stands for", "state"), ledger(system))
    for rule in RULES:
        times = sum(1 + run["missed"] for run in runs(system, rule))
        check(times == NIGHTS, f"each of the {NIGHTS} planned times is in the ledger of {rule} once")


def plan_nights(system: System, night: int) -> list[datetime]:
    """One schedule for each rule about missed fires; the planned times."""
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    planned = [first + number * timedelta(seconds=night) for number in range(NIGHTS)]
    when = {"every": night, "start": planned[0].isoformat(), "end": planned[-1].isoformat()}
    for rule in RULES:
        definition = {
            **when,
            "target": {"task": "shop.tick"},
            "timestamp": True,
            "missed": rule,
            "overlapping": "allow",
        }
        system.api.put(f"/v1/schedules/{rule}", definition)
    return planned


def runs(system: System, schedule: str) -> list[Row]:
    """The eldest first."""
    return list(reversed(system.api.get(f"/v1/schedules/{schedule}/runs")["items"]))


def made_up(system: System, rule: str) -> bool:
    """Whether there is a run that came late, and none is open."""
    found = runs(system, rule)
    late = any(run["trigger"] == "catch-up" for run in found)
    return late and all(run["state"] in ("finished", "skipped") for run in found)


def lateness(system: System) -> float:
    """Milliseconds from a planned time to the start of its run, the longest so far."""
    moments = [(run["planned_at"], run["started_at"]) for rule in RULES for run in runs(system, rule)]
    late = [datetime.fromisoformat(began) - datetime.fromisoformat(planned) for planned, began in moments]
    return max(late).total_seconds() * 1000


def ledger(system: System) -> list[tuple[Any, ...]]:
    return [
        (
            f"missed={rule}",
            run["trigger"],
            run["planned_at"][11:19],
            f"{1 + run['missed']} of them" if run["missed"] else "itself",
            run["outcome"] or run["state"],
        )
        for rule in RULES
        for run in runs(system, rule)
    ]


# --- 3. silence --------------------------------------------------------------------------------------


def silence(system: System, idle: float) -> None:
    chapter(f"3. {idle:g} s without work: nothing is due before three o'clock")
    seen = watch(system.logins[ADMIN], idle, HEARTBEAT)
    report(seen, idle)
    check(wasted(seen) == 0, "nobody wakes up to look for work")


def report(seen: Counter[Statement], idle: float) -> None:
    per_minute = 60 / idle
    rows = [
        (one.who, one.what, count, f"{count * per_minute:.0f}")
        for one, count in sorted(seen.items(), key=str)
    ]
    nothing = wasted(seen)
    table(
        ("who", "what it asks the database", "times", "a minute"),
        [*rows, ("anybody", "is there a job? is a schedule due?", nothing, f"{nothing * per_minute:.0f}")],
    )
    say("Worker and scheduler that poll every 5 s would have asked 24 times a minute, each time for nothing.")
