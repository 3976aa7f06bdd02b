"""Definitions of schedules: from the API's login, from code and from a DBA's psql."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.support.cluster import LOGINS, Database

pytestmark = pytest.mark.pg15(soak=True)

NIGHTLY = {"cron": "0 3 * * *", "target": {"task": "report"}}
CALLS = {
    "server_api": {
        "put_schedule": "('n', '{}', null, 'me', null, null)",
        "remove_schedule": "('n', null, 'me', null, null)",
        "pause_schedule": "('n', 'me', null, null)",
        "resume_schedule": "('n', 'me', null, null)",
    },
    "operator_api": {
        "put_schedule": "('n', '{}', 'why')",
        "remove_schedule": "('n', 'why')",
        "pause_schedule": "('n', 'why')",
        "resume_schedule": "('n', 'why')",
    },
}
Connection = psycopg.Connection[Any]


def call(connection: Connection, query: str, *params: Any) -> Any:
    row = connection.execute(query.encode(), params).fetchone()
    assert row is not None
    return row[0]


def refused(connection: Connection, query: str, *params: Any) -> tuple[str | None, Any]:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(query.encode(), params)
    return caught.value.sqlstate, json.loads(caught.value.diag.message_detail or "null")


PUT = "select server_api.put_schedule(%s, %s, %s, 'me', 'why', 'r1')"
REMOVE = "select server_api.remove_schedule(%s, %s, 'me', 'why', 'r2')"
PAUSE = "select server_api.pause_schedule(%s, 'me', 'too loud', 'r3')"
RESUME = "select server_api.resume_schedule(%s, 'me', 'quiet again', 'r4')"


def put(server: Connection, name: str = "nightly", expected: int | None = None, **definition: Any) -> Any:
    return call(server, PUT, name, json.dumps(definition or NIGHTLY), expected)


def publish(server: Connection, schedules: Any, source: str = "here") -> Any:
    catalogue = {"catalogue": 1, "tasks": [], **({} if schedules is None else {"schedules": schedules})}
    answer = call(server, "select server_api.publish_tasks(%s, %s, 'ci')", source, json.dumps(catalogue))
    return answer.get("schedules")


def periodic(name: str = "tick", **definition: Any) -> dict[str, Any]:
    return {"name": name, "definition": definition or {**NIGHTLY, "timestamp": True}}


def seen(server: Connection, columns: str, name: str = "nightly") -> Any:
    """These columns of one schedule as the API reads them; None if there is no such schedule."""
    return server.execute(
        f"select {columns} from server_api.schedule where name = %s".encode(), [name]
    ).fetchone()


def audit(server: Connection) -> list[tuple[Any, ...]]:
    return server.execute(
        "select actor, action, target, reason, detail from server_api.audit order by id"
    ).fetchall()


def mark_of(db: Database, name: str = "nightly") -> Any:
    """Sets the high-water mark back, as if nobody had been there since, and answers how to see it move."""
    admin = db.connect("admin")
    admin.execute("update jobs.schedule set fired_until = '2020-01-01' where name = %s", [name])
    query = "select fired_until > now() - interval '1 minute' from jobs.schedule where name = %s"
    return lambda: call(admin, query, name)


@contextmanager
def signalled(db: Database, times: int = 1) -> Iterator[None]:
    """Whether ow_fire came that often, once per transaction."""
    listener = db.connect("admin")
    listener.execute("listen ow_fire")
    yield
    listener.execute("notify ow_fire, 'last'")
    heard = []
    for notify in listener.notifies(timeout=5):
        heard.append(notify.payload)
        if notify.payload == "last":
            break
    assert heard == [""] * times + ["last"]


def test_each_function_is_its_roles_alone(db: Database) -> None:
    for role in LOGINS:
        connection = db.connect(role)
        mine = {"server": "server_api", "dba": "operator_api"}.get(role)
        for schema, functions in CALLS.items():
            for name, args in functions.items():
                wanted = "42501" if schema != mine else "OWV01" if "put" in name else "OWN05"
                assert _sqlstate(connection, f"select {schema}.{name}{args}") == wanted, (role, schema, name)
        readable = {"server": ("server_api", "inspect"), "dba": ("inspect",)}.get(role, ())
        for view in ("server_api.schedule", "inspect.schedules", "jobs.schedule"):
            wanted = None if view.split(".")[0] in readable else "42501"
            assert _sqlstate(connection, f"select * from {view}") == wanted, (role, view)


def test_a_new_schedule_counts_from_now_on(db: Database) -> None:
    server = db.connect("server")
    with signalled(db):
        assert put(server) == {"created": True, "revision": 1}
    row = seen(
        server, "origin, source, effective, changes, revision, enabled, created_by, updated_by, open_run_ids"
    )
    assert row == ("api", None, NIGHTLY, {}, 1, True, "me", "me", [])
    assert seen(server, "next_fire_at, plan_error, last_run_id") == (None, None, None)
    assert seen(server, "fired_until > now() - interval '1 minute'") == (True,)
    assert audit(server) == [
        ("me", "schedules.put", "nightly", "why", {"revision": 1, "changed": NIGHTLY, "request_id": "r1"})
    ]


def test_the_whole_definition_is_replaced(db: Database) -> None:
    server = db.connect("server")
    put(server, **NIGHTLY, queue="night", args={"card": "4111"})
    with signalled(db):
        assert put(server, every=30, target={"all": True}, args={"card": "4112"}) == {
            "created": False,
            "revision": 2,
        }
    wanted = {"every": 30, "target": {"all": True}, "args": {"card": "4112"}}
    assert seen(server, "effective, definition, changes") == (wanted, wanted, {})
    detail = audit(server)[-1][4]
    # no argument's value reaches the audit
    assert detail == {
        "revision": 2,
        "changed": {
            "cron": None, "every": 30, "queue": None, "target": {"all": True}, "args": {"card": "string"},
        },
        "request_id": "r1",
    }  # fmt: skip


def test_what_changes_nothing_is_neither_a_revision_nor_audited(db: Database) -> None:
    server = db.connect("server")
    put(server)
    with signalled(db, 0):
        assert put(server, **NIGHTLY, queue=None) == {"created": False, "revision": 1}
    assert len(audit(server)) == 1


def test_a_put_that_expects_another_revision_is_refused(db: Database) -> None:
    server = db.connect("server")
    again = json.dumps({**NIGHTLY, "priority": 1})
    assert refused(server, PUT, "nightly", again, 3) == ("OWS02", {"revision": None})
    put(server, expected=0)
    assert refused(server, PUT, "nightly", again, 0) == ("OWK03", {"schedule": "nightly"})
    assert refused(server, PUT, "nightly", again, 2) == ("OWS02", {"revision": 1})
    assert seen(server, "effective, revision") == (NIGHTLY, 1)
    assert call(server, PUT, "nightly", again, 1)["revision"] == 2


OTHER_TIMES: list[dict[str, Any]] = [
    {"cron": "0 4 * * *"}, {"cron": None, "every": 60}, {"timezone": "Europe/Berlin"}, {"gap": "skip"},
    {"overlap": "both"}, {"start": "2030-01-01T00:00:00Z"}, {"end": "2030-01-01T00:00:00Z"},
    {"enabled": False}, {"jitter": 5},
]  # fmt: skip
SAME_TIMES: list[dict[str, Any]] = [
    {"args": {"a": 1}}, {"target": {"all": True}}, {"queue": "q"}, {"priority": 1}, {"lock": "l"},
    {"queueing_lock": "l"}, {"missed": "all"}, {"overlapping": "allow"}, {"timestamp": True},
    {"description": "d"},
]  # fmt: skip


def test_only_other_times_leave_the_past_behind(db: Database) -> None:
    server = db.connect("server")
    put(server)
    for changes in OTHER_TIMES + SAME_TIMES:
        for definition in ({**NIGHTLY, **changes}, NIGHTLY):
            moved = mark_of(db)
            put(server, **definition)
            assert moved() is (changes in OTHER_TIMES), definition


def test_the_mark_never_moves_back(db: Database) -> None:
    server, admin = db.connect("server"), db.connect("admin")
    put(server)
    admin.execute("update jobs.schedule set fired_until = '2100-01-01'")
    put(server, every=30, target={"all": True})
    assert call(admin, "select fired_until = '2100-01-01' from jobs.schedule")


DEEP = json.loads("[" * 40 + "]" * 40)


NONE: list[tuple[Any, str]] = [
    ([], "definition"),
    (None, "definition"),
    ("x", "definition"),
    ({"target": {"all": True}}, "cron"),
    ({**NIGHTLY, "every": 3}, "cron"),
    ({**NIGHTLY, "cron": 3}, "cron"),
    ({**NIGHTLY, "cron": ""}, "cron"),
    ({**NIGHTLY, "cron": "1" * 201}, "cron"),
    ({"every": "3", "target": {"all": True}}, "every"),
    ({"every": 0.5, "target": {"all": True}}, "every"),
    ({"every": 1e300, "target": {"all": True}}, "every"),
    ({"at": [], "target": {"all": True}}, "at"),
    ({"at": [1], "target": {"all": True}}, "at"),
    ({"at": "2030-01-01T00:00:00Z", "target": {"all": True}}, "at"),
    ({"at": ["2030-01-01T00:00:00Z"] * 1001, "target": {"all": True}}, "at"),
    ({"every": 3}, "target"),
    ({"every": 3, "target": "x"}, "target"),
    ({"every": 3, "target": {}}, "target"),
    ({"every": 3, "target": {"task": "a", "all": True}}, "target"),
    ({"every": 3, "target": {"task": 3}}, "target"),
    ({"every": 3, "target": {"tasks": []}}, "target"),
    ({"every": 3, "target": {"tasks": [3]}}, "target"),
    ({"every": 3, "target": {"all": False}}, "target"),
    ({"every": 3, "target": {"nobody": "x"}}, "target"),
    ({**NIGHTLY, "args": []}, "args"),
    ({**NIGHTLY, "enabled": "no"}, "enabled"),
    ({**NIGHTLY, "description": "x" * 131_072}, "definition"),
    ({**NIGHTLY, "args": {"deep": DEEP}}, "definition"),
]


def test_what_no_schedule_can_be_is_refused(db: Database) -> None:
    server, dba = db.connect("server"), db.connect("dba")
    by_hand = "select operator_api.put_schedule('nightly', %s, 'why')"
    for definition, field in NONE:
        state, detail = refused(server, PUT, "nightly", json.dumps(definition), None)
        assert (state, detail["field"]) == ("OWV01", field), definition
        assert refused(dba, by_hand, json.dumps(definition))[0] == "OWV01", definition
    assert audit(server) == []
    assert seen(server, "1") is None


def test_what_no_name_can_be_is_refused(db: Database) -> None:
    server = db.connect("server")
    for name in ("", "-a", "a b", "a\n", "ü", "a/b", "x" * 129, None):
        state, detail = refused(server, PUT, name, json.dumps(NIGHTLY), None)
        assert (state, detail["field"]) == ("OWV01", "name"), name
    assert put(server, "x" * 128)["created"]


def test_hostile_text_is_refused_and_the_session_goes_on(db: Database) -> None:
    server = db.connect("server")
    for text in (
        '{"cron": "\\u0000"}', '{"cron": NaN}', "[" * 100_000, '{"a":' * 100_000, "{{{", "\\",
        '{"every": 1e999999}', '{"args": {"\\ud800": 1}}',
    ):  # fmt: skip
        with pytest.raises(psycopg.Error):
            server.execute(PUT, ["nightly", text, None])
    with pytest.raises(psycopg.DataError):
        server.execute(PUT, ["night\0ly", json.dumps(NIGHTLY), None])
    assert audit(server) == []
    assert put(server)["created"]


def test_a_large_definition_is_kept_whole(db: Database) -> None:
    server, large = db.connect("server"), {**NIGHTLY, "args": {"a": ["x" * 1000] * 60, "n": {"u": None}}}
    put(server, **large)
    assert seen(server, "effective") == (large,)
    assert len(json.dumps(audit(server)[-1][4])) < 1000


def test_two_puts_at_once_make_one(db: Database) -> None:
    """The second waits for the first to commit, and then sees its revision."""
    first, second = db.connect("server", autocommit=False), db.connect("server")
    put(first, expected=0)
    outcome: list[Any] = []
    thread = threading.Thread(
        target=lambda: outcome.append(refused(second, PUT, "nightly", json.dumps(NIGHTLY), 0))
    )
    thread.start()
    _await_lock(db, second)
    first.commit()
    thread.join(10)
    assert outcome == [("OWK03", {"schedule": "nightly"})]


def test_a_put_takes_the_place_of_one_that_was_rolled_back(db: Database) -> None:
    first, second = db.connect("server", autocommit=False), db.connect("server")
    put(first)
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(put(second, expected=0)))
    thread.start()
    _await_lock(db, second)
    first.rollback()
    thread.join(10)
    assert outcome == [{"created": True, "revision": 1}]


def test_of_two_changes_of_one_revision_one_is_lost_to_neither(db: Database) -> None:
    first, second = db.connect("server", autocommit=False), db.connect("server")
    put(second)
    put(first, expected=1, **NIGHTLY, priority=1)
    outcome: list[Any] = []
    later = json.dumps({**NIGHTLY, "priority": 2})
    thread = threading.Thread(target=lambda: outcome.append(refused(second, PUT, "nightly", later, 1)))
    thread.start()
    _await_lock(db, second)
    first.commit()
    thread.join(10)
    assert outcome == [("OWS02", {"revision": 2})]
    assert seen(second, "effective -> 'priority'") == (1,)


def test_a_pause_passes_over_what_is_due_in_it(db: Database) -> None:
    server = db.connect("server")
    put(server)
    with signalled(db):
        paused = call(server, PAUSE, "nightly")
    assert paused["revision"] == 2 and paused["paused_at"] is not None
    assert (paused["paused_by"], paused["paused_reason"]) == ("me", "too loud")
    with signalled(db, 0):
        assert call(server, PAUSE, "nightly") == paused
    moved = mark_of(db)
    with signalled(db):
        assert call(server, RESUME, "nightly") == {
            "revision": 3, "paused_at": None, "paused_by": None, "paused_reason": None,
        }  # fmt: skip
    assert moved()
    with signalled(db, 0):
        assert call(server, RESUME, "nightly")["revision"] == 3
    assert [line[:4] for line in audit(server)[1:]] == [
        ("me", "schedules.pause", "nightly", "too loud"),
        ("me", "schedules.resume", "nightly", "quiet again"),
    ]
    assert audit(server)[1][4] == {"revision": 2, "request_id": "r3"}


def test_a_paused_one_stays_paused_whatever_it_becomes(db: Database) -> None:
    server = db.connect("server")
    put(server)
    call(server, PAUSE, "nightly")
    put(server, every=5, target={"all": True})
    assert seen(server, "paused_by, revision") == ("me", 3)


def test_a_removed_schedule_leaves_its_ledger(db: Database) -> None:
    server, admin = db.connect("server"), db.connect("admin")
    put(server, **NIGHTLY, args={"pin": 1})
    _run(admin, "pending"), _run(admin, "running"), _run(admin, "finished")
    assert refused(server, REMOVE, "nightly", 7) == ("OWS02", {"revision": 1})
    with signalled(db):
        assert call(server, REMOVE, "nightly", 1) == {"revision": 1, "skipped": 1}
    rows = admin.execute(
        "select schedule_id, schedule, state, note from jobs.schedule_run order by id"
    ).fetchall()
    assert rows == [
        (None, "nightly", "skipped", "the schedule was removed"),
        (None, "nightly", "running", None),
        (None, "nightly", "finished", None),
    ]
    assert audit(server)[-1] == ("me", "schedules.remove", "nightly", "why", {
        "revision": 1, "definition": {**NIGHTLY, "args": {"pin": "number"}}, "skipped": 1, "request_id": "r2",
    })  # fmt: skip
    assert refused(server, REMOVE, "nightly", None) == ("OWN05", {"schedule": "nightly"})
    assert put(server, expected=0)["created"]


def test_the_newest_started_run_is_the_last_fire(db: Database) -> None:
    server, admin = db.connect("server"), db.connect("admin")
    put(server)
    _run(admin, "finished", outcome="partial", error="boom")
    last = _run(admin, "finished", outcome="failed", error="bang")
    _run(admin, "skipped")
    waiting = _run(admin, "pending")
    assert seen(server, "last_run_id, last_outcome, last_error, open_run_ids") == (
        last,
        "failed",
        "bang",
        [waiting],
    )
    running = _run(admin, "running")
    assert seen(server, "last_run_id, last_outcome, last_fire_at is not null, open_run_ids") == (
        running, None, True, [waiting, running],
    )  # fmt: skip


def test_a_large_ledger_is_not_read_through(db: Database) -> None:
    """Neither for the list of schedules nor where one is removed; with and without statistics."""
    server, admin = db.connect("server"), db.connect("admin")
    put(server)
    admin.execute(
        """insert into jobs.schedule_run (schedule_id, schedule, trigger, state, planned_at, started_at,
                                          finished_at, outcome)
           select s.id, s.name, 'manual', g.state, now(), case g.state when 'finished' then now() end, now(),
                  case g.state when 'finished' then 'succeeded' end
             from jobs.schedule as s, generate_series(1, 10000) as n,
                  lateral (values (case when n = 1 then 'finished' else 'skipped' end)) as g(state)"""
    )
    statements = (
        "select * from server_api.schedule",
        "update jobs.schedule_run set schedule_id = null where schedule_id = 99",
        "update jobs.schedule_run set backfill_id = null where backfill_id = 99",
        "update jobs.schedule_run set note = 'x' where schedule_id = 99 and state = 'pending'",
    )
    for _ in range(2):
        plans = [str(admin.execute(f"explain {query}".encode()).fetchall()) for query in statements]
        for plan in plans:
            assert "Seq Scan on schedule_run" not in plan
        assert "using schedule_run_started" in plans[0]
        admin.execute("analyze jobs.schedule_run")


def test_code_publishes_schedules(db: Database) -> None:
    server = db.connect("server")
    with signalled(db):
        assert publish(server, [periodic("b"), periodic("a")]) == {
            "added": ["a", "b"], "changed": [], "removed": [], "unchanged": 0,
        }  # fmt: skip
    assert seen(server, "origin, source, created_by, revision", "a") == ("code", "here", "ci", 1)
    with signalled(db, 0):
        assert publish(server, [periodic("a"), periodic("b")])["unchanged"] == 2
    assert publish(server, [periodic("a", every=5, target={"all": True}), periodic("b")]) == {
        "added": [], "changed": ["a"], "removed": [], "unchanged": 1,
    }  # fmt: skip
    lines = [line for line in audit(server) if line[1].startswith("schedules.")]
    assert [(line[0], line[1], line[2]) for line in lines] == [("ci", "schedules.publish", "here")] * 2
    assert lines[0][4] == {"added": ["a", "b"], "changed": [], "removed": [], "unchanged": 0}


def test_a_catalogue_that_does_not_speak_of_schedules_leaves_them(db: Database) -> None:
    server = db.connect("server")
    publish(server, [periodic()])
    assert publish(server, None) is None
    assert seen(server, "vanished_at", "tick") == (None,)


def test_vanished_from_code_and_back(db: Database) -> None:
    server = db.connect("server")
    publish(server, [periodic()])
    assert refused(server, REMOVE, "tick", None) == ("OWS01", {"schedule": "tick", "source": "here"})
    with signalled(db):
        assert publish(server, [])["removed"] == ["tick"]
    assert seen(server, "vanished_at is not null, revision", "tick") == (True, 2)
    with signalled(db, 0):
        assert publish(server, []) == {"added": [], "changed": [], "removed": [], "unchanged": 0}
    moved = mark_of(db, "tick")
    assert publish(server, [periodic()])["added"] == ["tick"]
    assert seen(server, "vanished_at, revision", "tick") == (None, 3)
    assert moved()
    publish(server, [])
    assert call(server, REMOVE, "tick", None)["revision"] == 4
    assert seen(server, "1", "tick") is None


def test_what_an_operator_changed_survives_publishing(db: Database) -> None:
    server = db.connect("server")
    publish(server, [periodic(cron="0 1 * * *", target={"task": "a"}, queue="q", args={"n": 1})])
    call(server, PAUSE, "tick")
    put(server, "tick", cron="0 2 * * *", target={"task": "a"}, args={"n": 1}, priority=5)
    assert seen(server, "changes", "tick") == ({"cron": "0 2 * * *", "queue": None, "priority": 5},)
    publish(server, [periodic(cron="0 3 * * *", target={"task": "b"}, queue="r", args={"n": None})])
    assert seen(server, "effective, definition, paused_by", "tick") == (
        {"cron": "0 2 * * *", "target": {"task": "b"}, "args": {"n": None}, "priority": 5},
        {"cron": "0 3 * * *", "target": {"task": "b"}, "args": {"n": None}, "queue": "r"},
        "me",
    )
    publish(server, [])
    publish(server, [periodic(cron="0 3 * * *", target={"task": "b"})])
    assert seen(server, "effective ->> 'cron', paused_by", "tick") == ("0 2 * * *", "me")
    put(server, "tick", cron="0 3 * * *", target={"task": "b"})
    assert seen(server, "changes", "tick") == ({},)


def test_an_operators_time_stays_the_only_one(db: Database) -> None:
    server, target = db.connect("server"), {"target": {"task": "a"}}
    times: list[dict[str, Any]] = [{"cron": "0 2 * * *"}, {"every": 30}, {"at": ["2030-01-01T00:00:00Z"]}]
    for mine, theirs in itertools.product(times, repeat=2):
        publish(server, [periodic(cron="0 1 * * *", **target)])
        put(server, "tick", **mine, **target)
        publish(server, [periodic(**theirs, **target)])
        assert seen(server, "effective", "tick") == ({**mine, **target},)


def test_a_name_belongs_to_who_had_it_first(db: Database) -> None:
    server = db.connect("server")
    publish(server, [periodic()])
    put(server)
    catalogue = '{"catalogue": 1, "tasks": [{"name": "t"}], "schedules": %s}'
    query = "select server_api.publish_tasks('there', %s, 'ci')"
    for name, owner in (("tick", "here"), ("nightly", None)):
        answer = refused(server, query, catalogue % json.dumps([periodic(name)]))
        assert answer == ("OWK01", {"schedule": name, "source": owner})
    assert seen(server, "source", "tick") == ("here",)
    assert server.execute("select count(*) from server_api.task").fetchone() == (0,)


def test_a_catalogue_of_no_schedules_is_refused_whole(db: Database) -> None:
    server = db.connect("server")
    wrong: list[tuple[Any, str]] = [
        ({}, "schedules"),
        (None, "schedules"),
        ([periodic(), periodic()], "schedules"),
        ([{"name": None, "definition": NIGHTLY}], "schedules"),
        ([{"definition": NIGHTLY}], "schedules"),
        ([{"name": "a"}], "definition"),
        ([{"name": "a", "definition": []}], "definition"),
        ([{"name": "a b", "definition": NIGHTLY}], "name"),
        ([periodic(), {"name": "a", "definition": {"every": 3}}], "target"),
    ]
    for schedules, field in wrong:
        catalogue = json.dumps({"catalogue": 1, "tasks": [{"name": "t"}], "schedules": schedules})
        state, detail = refused(server, "select server_api.publish_tasks('here', %s, 'ci')", catalogue)
        assert (state, detail["field"]) == ("OWV01", field), schedules
    assert seen(server, "1", "tick") is None
    assert audit(server) == []


def test_a_dba_keeps_schedules_from_psql(db: Database) -> None:
    server, dba = db.connect("server"), db.connect("dba")
    with signalled(db):
        first = call(dba, "select operator_api.put_schedule('nightly', %s, 'new')", json.dumps(NIGHTLY))
    assert first == 1
    put(server, **NIGHTLY, args={"card": "4111"})
    changed = json.dumps({"every": 60, "target": {"task": "report"}})
    assert call(dba, "select operator_api.put_schedule('nightly', %s, 'more often')", changed) == 3
    assert seen(server, "effective") == ({**json.loads(changed), "args": {"card": "4111"}},)
    elsewhere = {"every": 60, "target": {"task": "http.request"}}
    call(dba, "select operator_api.put_schedule('nightly', %s, 'elsewhere')", json.dumps(elsewhere))
    assert seen(server, "effective") == (elsewhere,)
    for verb in ("pause", "resume", "remove"):
        with signalled(db):
            dba.execute(f"select operator_api.{verb}_schedule('nightly', 'because')".encode())
        query = f"select operator_api.{verb}_schedule('nobody', 'because')"
        assert refused(dba, query) == ("OWN05", {"schedule": "nobody"})
    actor = "onewriter_test_dba"
    assert [line[:4] for line in audit(server) if line[0] == actor] == [
        (actor, "schedules.put", "nightly", "new"),
        (actor, "schedules.put", "nightly", "more often"),
        (actor, "schedules.put", "nightly", "elsewhere"),
        (actor, "schedules.pause", "nightly", "because"),
        (actor, "schedules.resume", "nightly", "because"),
        (actor, "schedules.remove", "nightly", "because"),
    ]


def test_a_dba_sees_what_fires_when_and_no_argument(db: Database) -> None:
    server, dba, admin = db.connect("server"), db.connect("dba"), db.connect("admin")
    put(server, "a", **NIGHTLY, timezone="Europe/Berlin", args={"card": "4111"}, missed="all")
    put(server, "b", every=2.5, target={"all": True}, enabled=False)
    put(server, "c", at=["2030-01-01T00:00:00Z"] * 2, target={"group": "g"}, overlapping="queue")
    publish(server, [periodic("d"), periodic("e")])
    publish(server, [periodic("d")])
    put(server, "f")
    call(server, PAUSE, "d")
    admin.execute("""
        update jobs.schedule set planned_revision = revision, next_fire_at = now() + interval '1 hour',
               next_wake_at = now() + interval '1 hour'""")
    admin.execute("update jobs.schedule set plan_error = 'no such zone' where name = 'f'")
    rows = dba.execute("""
        select name, state, fires, timezone, target, missed, overlapping, fires_in > interval '59 minutes',
               plan_error
          from inspect.schedules order by name""").fetchall()
    task, group = {"task": "report"}, {"group": "g"}
    assert rows == [
        ("a", "active", "0 3 * * *", "Europe/Berlin", task, "all", "skip", True, None),
        ("b", "disabled", "every 2.5 s", "UTC", {"all": True}, "once", "skip", None, None),
        ("c", "active", "at 2 times", "UTC", group, "once", "queue", True, None),
        ("d", "paused", "0 3 * * *", "UTC", task, "once", "skip", None, None),
        ("e", "vanished", "0 3 * * *", "UTC", task, "once", "skip", None, None),
        ("f", "broken", "0 3 * * *", "UTC", task, "once", "skip", True, "no such zone"),
    ]
    assert dba.execute("select definition -> 'args' from inspect.schedules where name = 'a'").fetchone() == (
        {"card": "string"},
    )
    put(server, "f", every=5, target=task)
    assert seen(server, "next_fire_at, plan_error", "f") == (None, None)  # of a revision that is gone


def _run(admin: Connection, state: str, outcome: str = "succeeded", error: str | None = None) -> int:
    """A row of the ledger as the scheduler leaves it."""
    return int(
        call(
            admin,
            """insert into jobs.schedule_run (schedule_id, schedule, trigger, state, planned_at, started_at,
                                              finished_at, outcome, error)
               select s.id, s.name, 'manual', g.state, now(),
                      case when g.state in ('running', 'finished') then now() end,
                      case when g.state in ('skipped', 'finished') then now() end,
                      case when g.state = 'finished' then %s end, %s
                 from jobs.schedule as s, (values (%s)) as g(state) returning id""",
            outcome, error, state,
        )
    )  # fmt: skip


def _await_lock(db: Database, waiting: Connection) -> None:
    admin = db.connect("admin")
    while not call(admin, "select cardinality(pg_blocking_pids(%s)) > 0", waiting.info.backend_pid):
        pass


def _sqlstate(connection: Connection, statement: str) -> str | None:
    try:
        connection.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate
    return None
