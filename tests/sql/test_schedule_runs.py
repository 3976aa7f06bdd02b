"""Runs of schedules: fired once, by their overlapping rule, counted by their jobs' ends, asked for."""

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.sql.test_verbs import call, refused
from tests.support.cluster import Database
from tests.support.protocol import Session, done, enqueue, expire_lease, job, release, rescue, retry

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
UNKNOWN = {"task": "gone", "job": None, "error": {"error": "unknown-task", "message": "no task gone"}}


def make(db: Database, name: str = "nightly", **definition: Any) -> int:
    """A schedule that has fired nothing since START."""
    whole = {"cron": "@hourly", "target": {"task": "echo"}, **definition}
    with db.connect("admin") as admin:
        made: int = call(
            admin,
            "insert into jobs.schedule (name, origin, definition, created_by, updated_by, fired_until)"
            " values (%s, 'api', %s, 'me', 'me', %s) returning id",
            name, json.dumps(whole), START,
        )  # fmt: skip
    return made


def member(**fields: Any) -> dict[str, Any]:
    item = job(**fields)
    return {"task": item["task"], "job": item, "error": None}


def planned(hour: int, *members: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A run as the scheduler plans it; one member unless some are given."""
    run = {"planned_at": (START + hour * HOUR).isoformat(), "trigger": "cron", "missed": 0, "skipped": False}
    return {**run, "members": list(members or [member()]), **fields}


def item(server: psycopg.Connection[Any], schedule: int, *runs: dict[str, Any]) -> dict[str, Any]:
    """What fires a schedule as it stands, until the last of these runs."""
    row = server.execute(
        "select revision, fired_until from server_api.schedule where id = %s", [schedule]
    ).fetchone()
    assert row is not None
    until = max(datetime.fromisoformat(run["planned_at"]) for run in runs)
    return {
        "id": schedule, "revision": row[0], "fired_until": row[1].isoformat(), "until": until.isoformat(),
        "next_fire_at": (until + HOUR).isoformat(), "next_wake_at": (until + HOUR).isoformat(), "runs": runs,
    }  # fmt: skip


def fire(server: psycopg.Connection[Any], *items: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = call(server, "select server_api.fire_schedules(%s)", json.dumps(items))
    return answer


def fire_one(server: psycopg.Connection[Any], schedule: int, hour: int, *members: dict[str, Any]) -> int:
    """One run of it at that hour; its id."""
    (run,) = fire(server, item(server, schedule, planned(hour, *members)))["runs"]
    run_id: int = run["run_id"]
    return run_id


def close(server: psycopg.Connection[Any]) -> list[tuple[int, str]]:
    closed = call(server, "select server_api.close_runs()")["closed"]
    return [(run["run_id"], run["outcome"]) for run in closed]


def startable(server: psycopg.Connection[Any]) -> list[int]:
    return [run["run_id"] for run in call(server, "select server_api.due_schedules()")["startable"]]


def start(server: psycopg.Connection[Any], *run_ids: int) -> dict[str, Any]:
    starts = [{"run_id": run_id, "members": [member()]} for run_id in run_ids]
    answer: dict[str, Any] = call(server, "select server_api.start_runs(%s)", json.dumps(starts))
    return answer


def request(server: psycopg.Connection[Any], name: str = "nightly", **fields: Any) -> dict[str, Any]:
    whole = {"args": None, "force": False, "actor": "me", "reason": "asked", "request_id": "r1", **fields}
    answer: dict[str, Any] = call(server, "select server_api.request_run(%s, %s)", name, json.dumps(whole))
    return answer


def ledger(server: psycopg.Connection[Any], columns: str = "state") -> list[tuple[Any, ...]]:
    query = f"select {columns} from server_api.schedule_run order by id"
    return server.execute(query.encode()).fetchall()


def counts(server: psycopg.Connection[Any], run_id: int) -> tuple[Any, ...]:
    row = server.execute(
        "select state, outcome, members, succeeded, failed, open from server_api.schedule_run where id = %s",
        [run_id],
    ).fetchone()
    assert row is not None
    return row


def listen(db: Database, channel: str = "ow_fire") -> psycopg.Connection[Any]:
    listener = db.connect("server")
    listener.execute(f"listen {channel}".encode())
    return listener


def heard(listener: psycopg.Connection[Any]) -> bool:
    return bool(list(listener.notifies(timeout=5, stop_after=1)))


def test_a_schedule_is_planned_then_due_then_fired(db: Database) -> None:
    server = db.connect("server")
    schedule = make(db)
    paused = make(db, "paused")
    call(server, "select server_api.pause_schedule('paused', 'me', null, null)")
    answer = call(server, "select server_api.due_schedules()")
    assert [(s["id"], s["revision"], s["fired_until"]) for s in answer["unplanned"]] == [
        (schedule, 1, "2026-01-01T00:00:00+00:00")
    ]
    assert (answer["due"], answer["startable"], answer["next"]) == ([], [], None)
    at = (START + HOUR).isoformat()
    plans = [
        {"id": schedule, "revision": 1, "next_fire_at": at, "next_wake_at": at, "error": None},
        {"id": paused, "revision": 1, "next_fire_at": at, "next_wake_at": at, "error": None},
    ]
    assert call(server, "select server_api.plan_schedules(%s)", json.dumps(plans)) == {"stale": [paused]}
    early = call(server, "select server_api.due_schedules(%s)", START)
    assert (early["unplanned"], early["due"], early["next"]) == ([], [], 3600)
    late = call(server, "select server_api.due_schedules(%s)", START + HOUR)
    assert [(s["name"], s["next_fire_at"]) for s in late["due"]] == [("nightly", "2026-01-01T01:00:00+00:00")]
    assert late["next"] == 0
    fire_one(server, schedule, 1)
    assert call(server, "select server_api.due_schedules(%s)", START + HOUR)["next"] == 3600


def test_an_error_of_planning_is_shown_and_not_tried_again(db: Database) -> None:
    server = db.connect("server")
    plan = {
        "id": make(db),
        "revision": 1,
        "next_fire_at": None,
        "next_wake_at": None,
        "error": "no zone",
    }
    call(server, "select server_api.plan_schedules(%s)", json.dumps([plan]))
    assert server.execute("select plan_error from server_api.schedule").fetchall() == [("no zone",)]
    assert call(server, "select server_api.due_schedules()")["unplanned"] == []


def test_a_fire_makes_a_run_and_its_jobs_and_signals(db: Database) -> None:
    server = db.connect("server")
    schedule = make(db)
    answer = fire(server, item(server, schedule, planned(1, member(args={"n": 1}), member(queue="q2"))))
    (run,) = answer["runs"]
    assert (run["schedule_id"], run["state"], run["jobs"]) == (schedule, "running", 2)
    assert {"ow_any", "ow_job"} < set(answer["wake"]) and answer["stale"] == []
    cause = {"kind": "schedule", "ref": f"run {run['run_id']} of nightly"}
    rows = server.execute("select queue, args, cause from server_api.job order by id").fetchall()
    assert rows == [("default", {"n": 1}, cause), ("q2", {}, cause)]
    assert db.connect("dba").execute("select cause, run_id from inspect.jobs limit 1").fetchall() == [
        ("schedule", run["run_id"])
    ]
    assert counts(server, run["run_id"]) == ("running", None, 2, 0, 0, 2)


def test_a_stale_item_is_left_out_whole_and_the_others_fire(db: Database) -> None:
    server = db.connect("server")
    stale, other = make(db), make(db, "other")
    given = item(server, stale, planned(1))
    changes = {"revision": 2}, {"revision": 0}, {"fired_until": (START - HOUR).isoformat()}, {"id": 999}
    for hour, change in enumerate(changes, start=1):
        answer = fire(server, {**given, **change}, item(server, other, planned(hour)))
        assert answer["stale"] == [change.get("id", stale)]
        assert [run["schedule_id"] for run in answer["runs"]] == [other]
    rows = server.execute("select fired_until from server_api.schedule where id = %s", [stale]).fetchall()
    assert rows == [(START,)]


@pytest.mark.parametrize(
    "how", ["paused_at = now(), paused_by = 'me'", "definition = definition || '{\"enabled\": false}'"]
)
def test_what_does_not_fire_does_not_fire_late_either(db: Database, how: str) -> None:
    server = db.connect("server")
    given = item(server, make(db), planned(1))
    with db.connect("admin") as admin:
        admin.execute(f"update jobs.schedule set {how}".encode())  # its revision as it was
    assert fire(server, given) == {"runs": [], "stale": [given["id"]], "wake": []}


def test_a_time_fires_once_by_the_mark_and_by_the_ledger(db: Database) -> None:
    server = db.connect("server")
    schedule = make(db)
    given = item(server, schedule, planned(1))
    fire(server, given)
    assert fire(server, given) == {"runs": [], "stale": [schedule], "wake": []}
    with db.connect("admin") as admin:  # as if somebody had turned the mark back by hand
        admin.execute("update jobs.schedule set fired_until = %s", [START])
    assert fire(server, given)["runs"] == []
    assert len(ledger(server)) == 1


def test_two_that_fire_the_same_at_once_fire_it_once(db: Database) -> None:
    first, second = db.connect("server"), db.connect("server")
    given = item(first, make(db), planned(1), planned(2))
    answers = []
    with first.transaction():
        fire(first, given)
        other = threading.Thread(target=lambda: answers.append(fire(second, given)))
        other.start()
        admin = db.connect("admin")
        waiting = "select count(*) from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
        while call(admin, waiting, second.info.backend_pid) == 0:
            assert other.is_alive()
    other.join(10)
    assert answers == [{"runs": [], "stale": [given["id"]], "wake": []}]
    assert len(ledger(first)) == 2


def test_members_that_get_no_job_are_kept_and_the_others_go_on(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    (taken,) = enqueue(server, job(queueing_lock="L"))
    with db.connect("admin") as admin:
        admin.execute("insert into jobs.queue (name, takes) values ('only', '[[\"mail.*\"]]')")
    run_id = fire_one(
        server, make(db), 1,
        member(), UNKNOWN, member(queueing_lock="L"), member(queue="only"), member(queue="q" * 300), member(),
    )  # fmt: skip
    rows = server.execute(
        "select n, job_id is not null, error ->> 'error', error -> 'job_id' from server_api.schedule_member"
    ).fetchall()
    assert sorted(rows) == [
        (1, True, None, None),
        (2, False, "unknown-task", None),
        (3, False, "queueing-lock-taken", taken),
        (4, False, "queue-refuses-task", None),
        (5, False, "invalid-value", None),
        (6, True, None, None),
    ]
    worker.exchange(done=[done(held) for held in worker.claim(10)])
    assert close(server) == [(run_id, "partial")]
    assert counts(server, run_id) == ("finished", "partial", 6, 2, 4, 0)
    assert ledger(server, "error") == [("no task gone",)]


@pytest.mark.parametrize("members", [[UNKNOWN], []], ids=["errors only", "nobody"])
def test_a_run_without_a_job_ends_at_once_and_blocks_nobody(
    db: Database, members: list[dict[str, Any]]
) -> None:
    server = db.connect("server")
    schedule = make(db)
    answer = fire(server, item(server, schedule, planned(1, members=members), planned(2)))
    assert [(run["state"], run["jobs"]) for run in answer["runs"]] == [("finished", 0), ("running", 1)]
    assert ledger(server, "outcome, failed")[0] == ("failed", len(members))


def test_ends_count_and_are_signalled_by_the_worker(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    schedule = make(db)
    for hour, how in enumerate(("succeeded", "failed", "aborted"), start=1):
        run_id = fire_one(server, schedule, hour)
        (held,) = worker.claim()
        answer = worker.exchange(done=[done(held, how=how, error="boom")])
        assert sorted(answer["wake"]) == ["ow_fire", "ow_job"]
        assert close(server) == [(run_id, "succeeded" if how == "succeeded" else "failed")]
        query = "select status from server_api.schedule_member where run_id = %s"
        assert call(server, query, run_id) == how
    assert ledger(server, "error") == [(None,), ("boom",), ("boom",)]


def test_the_end_of_other_jobs_signals_no_run(db: Database) -> None:
    worker = Session(db)
    enqueue(db.connect("server"), job())
    assert worker.exchange(done=[done(held) for held in worker.claim()])["wake"] == ["ow_job"]


def test_a_last_retry_ends_a_run_and_an_earlier_one_does_not(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    run_id = fire_one(server, make(db), 1, member(max_attempts=2))
    (held,) = worker.claim()
    assert "ow_fire" not in worker.exchange(retry=[retry(held)])["wake"]
    assert close(server) == []
    (held,) = worker.claim()
    assert "ow_fire" in worker.exchange(retry=[retry(held)])["wake"]
    assert close(server) == [(run_id, "failed")]


def test_a_cancel_counts(db: Database) -> None:
    server = db.connect("server")
    run_id = fire_one(server, make(db), 1)
    (job_id,) = server.execute("select id from server_api.job").fetchone() or (0,)
    assert "ow_fire" in call(server, "select server_api.cancel(%s, 'me', null)", job_id)["wake"]
    assert close(server) == [(run_id, "failed")]
    assert ledger(server, "error") == [("cancelled",)]


def test_expiry_counts(db: Database) -> None:
    server = db.connect("server")
    run_id = fire_one(server, make(db), 1, member(expires_at=START.isoformat()))
    assert "ow_fire" in call(server, "select server_api.expire()")["wake"]
    assert close(server) == [(run_id, "failed")]
    assert ledger(server, "error") == [("expired",)]
    (finished,) = ledger(server, "finished_at")[0]
    ended = server.execute("select max(ended_at) from server_api.schedule_member").fetchone()
    assert ended == (finished,), "when its last job ended, not when that was noticed"


@pytest.mark.parametrize("way", ["release", "close", "rescue"])
def test_an_aborted_job_that_comes_back_counts(db: Database, way: str) -> None:
    server, worker = db.connect("server"), Session(db)
    run_id = fire_one(server, make(db), 1)
    (held,) = worker.claim()
    call(server, "select server_api.cancel(%s, 'me', null)", held["id"])
    if way == "release":
        assert "ow_fire" in worker.exchange(release=[release(held)])["wake"]
    elif way == "close":
        listener = listen(db)
        worker.close()
        assert heard(listener)
    else:
        expire_lease(db, worker)
        assert "ow_fire" in rescue(server)["wake"]
    assert close(server) == [(run_id, "failed")]


def test_counts_outlive_the_jobs(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    run_id = fire_one(server, make(db), 1, member(), member())
    first, second = worker.claim(2)
    worker.exchange(done=[done(first)])
    call(server, "select server_api.remove(%s, 'me', 'old')", first["id"])
    worker.exchange(done=[done(second, how="failed", error="boom")])
    with db.connect("admin") as admin:
        admin.execute("update procrastinate.procrastinate_jobs set created_at = now() - interval '1 day',"
                      " finished_at = now() - interval '1 day'")  # fmt: skip
    old = "interval '1 hour'"
    assert call(server, f"select server_api.prune_jobs(0, 10, {old}, {old}, {old}, {old})")["pruned"] == 1
    assert close(server) == [(run_id, "partial")]
    assert counts(server, run_id) == ("finished", "partial", 2, 1, 1, 0)


def test_an_operators_retry_opens_the_run_again_and_it_is_counted_anew(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    run_id = fire_one(server, make(db), 1, member(), member())
    first, second = worker.claim(2)
    worker.exchange(done=[done(first), done(second, how="failed", error="boom")])
    assert close(server) == [(run_id, "partial")]
    call(server, "select server_api.retry(%s, 'me', 'mended')", second["id"])
    assert counts(server, run_id) == ("running", None, 2, 1, 0, 1)
    assert close(server) == []
    worker.exchange(done=[done(held) for held in worker.claim()])
    assert close(server) == [(run_id, "succeeded")]
    assert ledger(server, "succeeded, failed, error") == [(2, 0, None)]


def test_a_job_whose_run_is_gone_can_still_be_retried(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    fire_one(server, make(db), 1)
    (held,) = worker.claim()
    worker.exchange(done=[done(held, how="failed")])
    with db.connect("admin") as admin:
        admin.execute("delete from jobs.schedule_run")
    call(server, "select server_api.retry(%s, 'me', null)", held["id"])
    assert "ow_fire" not in worker.exchange(done=[done(held) for held in worker.claim()])["wake"]
    assert server.execute("select cause from server_api.job").fetchall() == [
        ({"kind": "schedule", "ref": "run 1"},)
    ]


def test_overlapping_skip_passes_over_what_comes_while_a_run_is_open(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    schedule = make(db)
    first = fire_one(server, schedule, 1)
    fire(server, item(server, schedule, planned(2), planned(3)))
    assert ledger(server, "state, note")[1:] == [("skipped", f"run {first} is open")] * 2
    worker.exchange(done=[done(held) for held in worker.claim(9)])
    close(server)
    fire(server, item(server, schedule, planned(4), planned(5)))
    assert ledger(server)[3:] == [("running",), ("skipped",)]


def test_overlapping_allow_starts_each(db: Database) -> None:
    server = db.connect("server")
    schedule = make(db, overlapping="allow")
    fire(server, item(server, schedule, planned(1), planned(2, trigger="catch-up")))
    fire_one(server, schedule, 3)
    assert ledger(server) == [("running",)] * 3
    request(server)
    assert startable(server) == [4]


def test_overlapping_queue_starts_one_after_the_other(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    schedule = make(db, overlapping="queue")
    fire(server, item(server, schedule, planned(1), planned(2)))
    fire_one(server, schedule, 3)
    assert ledger(server, "state, note") == [
        ("running", None), ("pending", "after the one before it"), ("pending", "after run 2"),
    ]  # fmt: skip
    assert startable(server) == []
    assert start(server, 2, 3) == {"runs": [], "stale": [2, 3], "wake": []}
    worker.exchange(done=[done(held) for held in worker.claim(9)])
    close(server)
    assert startable(server) == [2]
    answer = start(server, 3, 2)
    assert ([run["run_id"] for run in answer["runs"]], answer["stale"]) == ([2], [3])
    assert "ow_any" in answer["wake"] and startable(server) == []


def test_at_most_a_hundred_runs_wait(db: Database) -> None:
    server = db.connect("server")
    schedule = make(db, overlapping="queue")
    fire(server, item(server, schedule, *[planned(hour) for hour in range(1, 100)]))
    fire(server, item(server, schedule, *[planned(hour) for hour in range(100, 104)]))
    states = [state for (state,) in ledger(server)]
    assert states == ["running", *["pending"] * 100, "skipped", "skipped"]
    assert ledger(server, "note")[-1] == ("100 runs wait already",)
    whole = json.dumps({"reason": "x", "actor": "me"})
    assert refused(server, "select server_api.request_run('nightly', %s)", whole)[0] == "OWS01"


def test_overlapping_cancel_running_waits_until_the_old_jobs_ended(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    schedule = make(db, overlapping="cancel_running")
    first = fire_one(server, schedule, 1, member(), member())
    (held,) = worker.claim()
    answer = fire(server, item(server, schedule, planned(2)))
    assert {f"ow_w_{worker.id}", "ow_fire"} <= set(answer["wake"])
    assert ledger(server) == [("running",), ("pending",)]
    assert counts(server, first) == ("running", None, 2, 0, 1, 1)
    asked = server.execute("select actor, reason from server_api.history where type = 'abort_requested'")
    assert asked.fetchall() == [("schedule nightly", "superseded by run 2")]
    assert close(server) == [] and startable(server) == []
    fire_one(server, schedule, 3)  # supersedes the one that waits
    assert ledger(server, "state, note")[1] == ("skipped", "superseded by run 3")
    worker.exchange(done=[done(held, how="aborted")])
    assert close(server) == [(first, "failed")]
    assert startable(server) == [3] and start(server, 3)["runs"][0]["jobs"] == 1


def test_of_one_calls_runs_the_last_supersedes_the_others(db: Database) -> None:
    server = db.connect("server")
    fire(server, item(server, make(db, overlapping="cancel_running"), planned(1), planned(2), planned(3)))
    assert ledger(server) == [("skipped",), ("skipped",), ("running",)]


def test_a_job_that_somebody_holds_is_cancelled_at_the_next_look(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    schedule = make(db, overlapping="cancel_running")
    fire_one(server, schedule, 1)
    (held,) = worker.claim()
    admin = db.connect("admin")
    with admin.transaction():
        admin.execute("select from procrastinate.procrastinate_jobs for update")
        assert "ow_fire" in fire(server, item(server, schedule, planned(2)))["wake"]
    assert "abort" not in worker.exchange()
    listener = listen(db, f"ow_w_{worker.id}")
    assert close(server) == []
    assert heard(listener) and worker.exchange()["abort"] == [held["id"]]


def test_missed_times_are_one_skipped_run(db: Database) -> None:
    server = db.connect("server")
    fire(server, item(server, make(db), planned(5, members=[], skipped=True, missed=4)))
    assert ledger(server, "state, missed, note, outcome") == [("skipped", 4, "missed", None)]


def test_a_run_asked_for_starts_with_its_arguments_and_tells_who_and_why(db: Database) -> None:
    server, listener = db.connect("server"), listen(db)
    make(db)
    assert request(server, args={"n": 2}) == {"run_id": 1, "paused": False, "note": None}
    assert heard(listener)
    (run,) = call(server, "select server_api.due_schedules()")["startable"]
    assert (run["run_id"], run["name"], run["trigger"], run["args"]) == (1, "nightly", "manual", {"n": 2})
    assert run["definition"]["cron"] == "@hourly"
    start(server, 1)
    cause = {
        "kind": "operator",
        "actor": "me",
        "reason": "asked",
        "request_id": "r1",
        "ref": "run 1 of nightly",
    }
    assert server.execute("select cause from server_api.job").fetchall() == [(cause,)]
    assert ledger(server, "state, trigger, actor, reason, args") == [
        ("running", "manual", "me", "asked", {"n": 2})
    ]
    audit = server.execute("select actor, action, target, reason, detail from server_api.audit").fetchall()
    detail = {"run_id": 1, "args": {"n": 2}, "force": False, "request_id": "r1"}
    assert audit == [("me", "schedules.run_now", "nightly", "asked", detail)]


@pytest.mark.parametrize(("fields", "field"), [({"reason": " "}, "reason"), ({"args": [1]}, "args")])
def test_a_run_needs_a_reason_and_arguments_by_name(db: Database, fields: dict[str, Any], field: str) -> None:
    make(db)
    whole = json.dumps({"reason": "x", "actor": "me", **fields})
    state, detail = refused(db.connect("server"), "select server_api.request_run('nightly', %s)", whole)
    assert (state, detail["field"]) == ("OWV01", field)


def test_a_paused_schedule_runs_when_asked_and_says_so(db: Database) -> None:
    server = db.connect("server")
    make(db)
    call(server, "select server_api.pause_schedule('nightly', 'me', null, null)")
    assert request(server) == {"run_id": 1, "paused": True, "note": "the schedule is paused, this run is not"}
    assert startable(server) == [1] and start(server, 1)["runs"][0]["jobs"] == 1


def test_what_waits_of_a_paused_schedule_waits_until_it_is_resumed(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    fire(server, item(server, make(db, overlapping="queue"), planned(1), planned(2)))
    call(server, "select server_api.pause_schedule('nightly', 'me', null, null)")
    worker.exchange(done=[done(held) for held in worker.claim()])
    close(server)
    assert startable(server) == []
    request(server)
    assert startable(server) == [3], "what somebody asks for does not wait for it"
    start(server, 3)
    call(server, "select server_api.resume_schedule('nightly', 'me', null, null)")
    assert startable(server) == []
    worker.exchange(done=[done(held) for held in worker.claim()])
    close(server)
    assert startable(server) == [2]


def test_a_request_meets_an_open_run_by_the_rule_unless_forced(db: Database) -> None:
    server = db.connect("server")
    first = fire_one(server, make(db), 1)
    whole = json.dumps({"reason": "x", "actor": "me"})
    assert refused(server, "select server_api.request_run('nightly', %s)", whole) == (
        "OWS01", {"run_id": first},
    )  # fmt: skip
    forced = request(server, force=True)["run_id"]
    assert startable(server) == [forced] and start(server, forced)["stale"] == []
    queue = fire_one(server, make(db, "queued", overlapping="queue"), 1)
    waiting = request(server, "queued")
    assert waiting["note"] == f"after run {queue}" and startable(server) == []


def test_a_request_cancels_what_runs_by_the_rule(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    fire_one(server, make(db, overlapping="cancel_running"), 1)
    (held,) = worker.claim()
    listener = listen(db, f"ow_w_{worker.id}")
    request(server)
    assert heard(listener) and worker.exchange()["abort"] == [held["id"]]


def test_a_request_is_answered_again_by_its_key(db: Database) -> None:
    server = db.connect("server")
    make(db)
    key = {"api_key": 7, "key": "k", "hash": "h"}
    answer = request(server, idempotency=key)
    assert request(server, idempotency=key) == {"replay": {"hash": "h", "answer": answer}}
    assert len(ledger(server)) == 1
    # A refused one leaves its key free.
    whole = json.dumps({"reason": "x", "actor": "me", "idempotency": {**key, "key": "k2"}})
    assert refused(server, "select server_api.request_run('nightly', %s)", whole)[0] == "OWS01"
    start(server, 1)
    call(server, "select server_api.cancel(id, 'me', null) from server_api.job")
    close(server)
    assert request(server, idempotency={**key, "key": "k2"})["run_id"] > 1


def test_a_backfill_runs_few_at_once_oldest_first_and_blocks_no_fire(db: Database) -> None:
    server, worker = db.connect("server"), Session(db)
    schedule = make(db)
    times = [(START + hour * HOUR).isoformat() for hour in (4, 2, 3, 1)]
    given = {"from": times[3], "to": times[0], "times": times, "concurrency": 2, "actor": "me",
             "reason": "lost", "request_id": None}  # fmt: skip
    listener = listen(db)
    answer = call(server, "select server_api.request_backfill('nightly', %s)", json.dumps(given))
    assert answer == {"backfill_id": 1, "runs": 4} and heard(listener)
    planned_at = [at for (at,) in ledger(server, "planned_at")]
    assert planned_at == [START + hour * HOUR for hour in (1, 2, 3, 4)]
    assert startable(server) == [1, 2]
    assert start(server, 1, 2, 3)["stale"] == [3]
    assert startable(server) == []
    fire_one(server, schedule, 1)
    assert ledger(server)[4] == ("running",)
    (held, *_) = worker.claim(9)
    worker.exchange(done=[done(held)])
    assert close(server) == [(1, "succeeded")]
    assert startable(server) == [3]
    assert server.execute(
        "select cause ->> 'actor', cause ->> 'kind' from server_api.job limit 1"
    ).fetchall() == [("me", "schedule")]
    (line,) = server.execute("select action, reason, detail from server_api.audit").fetchall()
    assert line[:2] == ("schedules.backfill", "lost") and line[2]["runs"] == 4
    for fields, field in (({"reason": ""}, "reason"), ({"times": [times[0]] * 1}, None)):
        whole = json.dumps({**given, **fields})
        if field:
            query = "select server_api.request_backfill('nightly', %s)"
            assert refused(server, query, whole)[1]["field"] == field


def test_an_unknown_schedule_is_not_found(db: Database) -> None:
    server = db.connect("server")
    whole = json.dumps({"reason": "x", "actor": "me", "from": "2026-01-01", "to": "2026-01-02", "times": []})
    for verb in ("request_run", "request_backfill"):
        assert refused(server, f"select server_api.{verb}('none', %s)", whole) == (
            "OWN05", {"schedule": "none"},
        )  # fmt: skip


def test_old_runs_go_but_never_the_newest_of_a_schedule(db: Database) -> None:
    server = db.connect("server")
    schedule = make(db)
    for hour in (1, 2):
        fire_one(server, schedule, hour, UNKNOWN)
    fire(server, item(server, schedule, planned(3, members=[], skipped=True)))
    fire(server, item(server, schedule, planned(4, members=[], skipped=True)))
    running = fire_one(server, make(db, "other"), 1)
    assert call(server, "select server_api.prune_runs('1 hour')") == 0
    with db.connect("admin") as admin:
        admin.execute("update jobs.schedule_run set finished_at = finished_at - interval '1 day'")
    assert call(server, "select server_api.prune_runs('1 hour')") == 2
    # The newest that ran, which the schedule shows as its last, and the newest of all.
    assert ledger(server, "id") == [(2,), (4,), (running,)]
    call(server, "select server_api.remove_schedule('nightly', null, 'me', null, null)")
    assert call(server, "select server_api.prune_runs('1 hour')") == 2
    assert refused(server, "select server_api.prune_runs('1 second')")[0] == "OWV01"


def test_a_dba_runs_a_schedule_from_psql(db: Database) -> None:
    dba, server = db.connect("dba"), db.connect("server")
    make(db)
    query = (
        "select operator_api.run_schedule_now('nightly', 'by hand', '{\"card\": \"4111\"}', force => true)"
    )
    assert call(dba, query) == 1
    assert call(server, "select actor from server_api.audit") == "onewriter_test_dba"
    assert dba.execute("select trigger, actor, args, force from inspect.schedule_runs").fetchall() == [
        ("manual", "onewriter_test_dba", {"card": "string"}, True)
    ]
    assert refused(dba, "select operator_api.run_schedule_now('nightly', '')")[0] == "OWV01"


REFUSED = {
    "worker dba producer": (
        "select server_api.due_schedules()",
        "select server_api.plan_schedules('[]')",
        "select server_api.fire_schedules('[]')",
        "select server_api.start_runs('[]')",
        "select server_api.close_runs()",
        "select server_api.request_run('nightly', '{}')",
        "select server_api.request_backfill('nightly', '{}')",
        "select server_api.prune_runs('1 day')",
        "select from server_api.schedule_run",
        "select from server_api.schedule_member",
    ),
    "worker server": ("select operator_api.run_schedule_now('nightly', 'x')",),
    "worker": ("select from inspect.schedule_runs",),
}


def test_nobody_else_may(db: Database) -> None:
    for roles, queries in REFUSED.items():
        for role in roles.split():
            connection = db.connect(role)
            for query in queries:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(query.encode())


def test_two_hundred_schedules_fire_in_one_call(db: Database) -> None:
    server = db.connect("server")
    with db.connect("admin") as admin:
        admin.execute(
            "insert into jobs.schedule (name, origin, definition, created_by, updated_by, fired_until)"
            " select 's' || n, 'api', '{}', 'me', 'me', %s from generate_series(1, 200) as n",
            [START],
        )
    ids = [i for (i,) in server.execute("select id from server_api.schedule order by id")]
    answer = fire(server, *[item(server, schedule, planned(1)) for schedule in ids])
    assert [run["schedule_id"] for run in answer["runs"]] == ids
    assert call(server, "select count(*) from server_api.schedule_member where job_id is not null") == 200
