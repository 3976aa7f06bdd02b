"""From a schedule to what the database is asked to write, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from app.commands.catalogue import make_catalogue
from app.commands.firing import Due, Look, Startable, Unplanned
from app.commands.members import NO_ARGS, Member, make_members
from app.queries.tasks import Task
from app.scheduler import deciding, schedules
from app.scheduler.deciding import decide
from app.schedules import Definition, decode_definition

PLANNED = datetime(2026, 11, 1, 3, tzinfo=UTC)
NUMBER = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def task(name: str, **fields: Any) -> Task:
    nothing = dict.fromkeys(Task.__slots__)
    given = {"source": "here", "aliases": [], "published_at": PLANNED, **fields}
    return Task(**{**nothing, "name": name, **given})


CATALOGUE = make_catalogue(
    [
        task("add", schema=NUMBER, queue="sums", priority=3, lock="one", timeout=9.0, max_attempts=4),
        task("monthly", group="reports", aliases=["old"]),
        task("daily", group="reports"),
    ]
)


def members(target: dict[str, Any], overrides: str | None = None, **definition: Any) -> list[Member]:
    given = decode_definition({"every": 60, "target": target, **definition})
    return make_members(given, CATALOGUE, PLANNED, Raw((overrides or "null").encode()))


def errors(found: list[Member]) -> list[str | None]:
    return [member.error and member.error.error for member in found]


def args(member: Member) -> Any:
    assert member.job is not None
    return msgspec.json.decode(member.job.args)


def test_a_member_takes_from_the_task_what_the_schedule_does_not_say() -> None:
    [member] = members({"task": "add"}, args={"a": 1}, queue="night", priority=0)
    job = member.job
    assert job is not None
    assert (job.task, job.queue, job.priority, job.lock) == ("add", "night", 0, "one")
    assert (job.timeout, job.max_attempts, job.queueing_lock) == (9.0, 4, None)


def test_the_arguments_are_the_schedules_then_the_runs_then_the_time() -> None:
    [member] = members({"task": "add"}, '{"a": 2, "b": 3}', args={"a": 1, "c": 4}, timestamp=True)
    assert args(member) == {"a": 2, "b": 3, "c": 4, "timestamp": int(PLANNED.timestamp())}


def test_the_targets() -> None:
    assert [member.task for member in members({"tasks": ["daily", "add"]}, args={"a": 1})] == ["daily", "add"]
    assert [member.task for member in members({"group": "reports"})] == ["daily", "monthly"]
    assert [member.task for member in members({"all": True}, args={"a": 1})] == ["add", "daily", "monthly"]


def test_an_alias_is_the_task_that_has_it() -> None:
    [member] = members({"task": "old"})
    assert member.job is not None
    assert (member.task, member.job.task) == ("old", "monthly")


def test_a_member_at_fault_leaves_the_others_alone() -> None:
    found = members({"tasks": ["add", "nobody", "daily"]}, args={"a": "x"})
    assert errors(found) == ["invalid-arguments", "unknown-task", None]
    assert found[0].error is not None
    assert "args.a" in found[0].error.message


def test_a_target_without_a_task_is_a_fault() -> None:
    assert errors(members({"group": "nobody's"})) == ["no-task"]


def test_arguments_that_grew_too_large_are_a_fault() -> None:
    large = msgspec.json.encode({"b": "x" * 40_000}).decode()
    assert errors(members({"task": "daily"}, large, args={"c": "x" * 40_000})) == ["invalid-value"]


def test_what_psql_makes_is_told_in_the_plan_and_in_the_run() -> None:
    none, fine = Raw(b'{"cron": "99 * * * *"}'), Raw(b'{"every": 60, "target": {"task": "daily"}}')
    look = Look(
        now=PLANNED,
        unplanned=[Unplanned(1, "a", 1, none, PLANNED), Unplanned(2, "b", 1, fine, PLANNED)],
        due=[Due(3, "c", 1, none, PLANNED, PLANNED)],
        startable=[
            Startable(7, 1, "a", none, PLANNED, "manual", NO_ARGS),
            Startable(8, 2, "b", fine, PLANNED, "manual", Raw(b"[1]")),
        ],
        next=None,
    )
    decided = decide(look, CATALOGUE)
    assert [(one.id, one.error is None, one.next_fire_at) for one in decided.plans] == [
        (1, False, None),
        (2, True, PLANNED + timedelta(seconds=60)),
        (3, False, None),
    ]
    assert [errors(start.members) for start in decided.starts] == [["invalid-value"], ["invalid-value"]]
    assert decided.fires == []


def test_a_defect_that_one_definition_meets_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def decode(text: bytes) -> Definition:
        if b"61" in text:
            raise OverflowError("date value out of range")
        return decode_definition(text)

    monkeypatch.setattr(deciding, "decode_definition", decode)
    given = [Raw(b'{"every": %d, "target": {"all": true}}' % every) for every in (61, 60)]
    due = [Due(number, "s", 1, text, PLANNED, PLANNED) for number, text in enumerate(given)]
    decided = decide(Look(PLANNED, [], due, [], None), CATALOGUE)
    assert [(one.id, one.error) for one in decided.plans] == [(0, "a defect: OverflowError")]
    assert [one.id for one in decided.fires] == [1]
    assert "date value out of range" in caplog.text


def test_a_transaction_inserts_so_many_jobs_or_those_of_one_schedule() -> None:
    fine = Raw(b'{"every": 60, "target": {"all": true}, "missed": "all", "args": {"a": 1}}')
    now = PLANNED + timedelta(seconds=3600)
    due = [Due(number, f"s{number}", 1, fine, PLANNED, PLANNED) for number in range(12)]
    fires = decide(Look(now, [], due, [], None), CATALOGUE).fires
    assert {one.jobs for one in fires} == {180}
    assert [len(portion) for portion in schedules._portions(fires)] == [5, 5, 2]
