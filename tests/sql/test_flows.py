"""Chains, groups, domain events: counted by their jobs' ends, advanced once, cancelled with their parent."""

import json
import threading
from typing import Any

import psycopg
import pytest

from tests.sql.test_verbs import call, refused
from tests.support.cluster import Database
from tests.support.protocol import Session, done, job, status

Conn = psycopg.Connection[Any]
TASKS = [
    {"name": "echo", "schema": {}, "events": ["task.created", "task.moved"]},
    {"name": "mail", "queue": "mails", "schema": {}, "events": ["task.created"]},
    {"name": "sum", "schema": {}},
]


@pytest.fixture
def server(db: Database) -> Conn:
    server = db.connect("server")
    catalogue = json.dumps({"catalogue": 1, "tasks": TASKS})
    call(server, "select server_api.publish_tasks('tests', %s, 'me')", catalogue)
    return server


def start(conn: Conn, *items: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(call(conn, "select server_api.start_jobs(%s)", json.dumps(items)))
    return answer


def chain(*jobs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"flow": {"kind": "chain", "jobs": list(jobs), **fields}}


def group(*jobs: dict[str, Any], on: str = "all", **fields: Any) -> dict[str, Any]:
    return {"flow": {"kind": "group", "rule": on, "jobs": list(jobs), **fields}}


def advance(server: Conn) -> dict[str, Any]:
    answer: dict[str, Any] = call(server, "select server_api.advance_flows()")
    return answer


def run(worker: Session, *, result: Any = None, how: str = "succeeded", want: int = 1) -> list[int]:
    """Claims and ends jobs; their ids."""
    held = worker.claim(want)
    worker.exchange(done=[done(item, result, how, error="boom") for item in held])
    return [item["id"] for item in held]


def flow(server: Conn, flow_id: int) -> dict[str, Any]:
    found: dict[str, Any] = call(
        server, "select to_jsonb(f) from server_api.flow as f where id = %s", flow_id
    )
    return found


def state(server: Conn, flow_id: int) -> str:
    return str(flow(server, flow_id)["state"])


def one(server: Conn, job_id: int) -> dict[str, Any]:
    found: dict[str, Any] = call(server, "select to_jsonb(j) from server_api.job as j where id = %s", job_id)
    return found


def newest(server: Conn) -> dict[str, Any]:
    return one(server, call(server, "select max(id) from server_api.job"))


def jobs_of(server: Conn, flow_id: int) -> list[tuple[Any, ...]]:
    query = "select n, task, job_id, status from server_api.flow_member where flow_id = %s order by n"
    return server.execute(query, [flow_id]).fetchall()


def follow(db: Database, *items: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """A job whose result handler starts these; its id, and what the acknowledgement answered."""
    server, handler, worker = db.connect("server"), db.connect("handler"), Session(db)
    pairs = [{"task": "echo", "event": "*", "ordered_by": "job", "handlers": ["h"]}]
    call(server, "select server_api.publish_handlers('handlers', %s, 'me')", json.dumps(pairs))
    parent = start(server, {"job": job()})["ids"][0]
    assert run(worker) == [parent]
    worker.close()
    take = "select server_api.take_events('handlers', array['echo'], array['*'], 10)"
    (event,) = json.loads(call(handler, take))
    acks = json.dumps([{"id": event["id"], "follow": list(items)}])
    answer: dict[str, Any] = json.loads(call(handler, "select server_api.acknowledge_events(%s)", acks))
    call(server, "select server_api.publish_handlers('handlers', '[]', 'me')")
    return parent, answer


def test_a_chain_goes_on_as_its_steps_succeed(db: Database, server: Conn) -> None:
    worker = Session(db)
    started = start(
        server, chain(job(), job(task="mail", queue="mails", args={"to": 1}), job(), results="last")
    )
    (first,), (flow_id,) = started["ids"], started["flows"]
    assert "ow_any" in started["wake"]
    assert jobs_of(server, flow_id)[1:] == [(2, "mail", None, None), (3, "echo", None, None)]
    assert advance(server)["advanced"] == 0
    assert run(worker, result={"n": 1}) == [first]
    moved = advance(server)
    assert (moved["taken"], moved["left"], moved["advanced"]) == (1, 0, 1) and "ow_any" in moved["wake"]
    second = newest(server)
    assert (second["task"], second["queue"], second["args"]) == ("mail", "mails", {"to": 1, "last": {"n": 1}})
    assert second["parent_id"] == first
    assert second["cause"] == {"kind": "parent", "actor": "onewriter_test_server", "ref": f"flow {flow_id}"}
    run(worker)
    advance(server)
    assert newest(server)["args"] == {"last": None}
    assert state(server, flow_id) == "running"
    run(worker)
    advance(server)
    done = flow(server, flow_id)
    assert (done["state"], done["members"], done["succeeded"], done["error"]) == ("succeeded", 3, 3, None)
    assert advance(server)["taken"] == 0


@pytest.mark.parametrize(("how", "ends"), [("failed", "failed"), ("aborted", "failed")])
def test_a_step_that_fails_ends_the_chain_and_a_retry_goes_on_with_it(
    db: Database, server: Conn, how: str, ends: str
) -> None:
    worker = Session(db)
    started = start(server, chain(job(), job(task="sum")))
    (first,), (flow_id,) = started["ids"], started["flows"]
    run(worker, how=how)
    advance(server)
    assert (state(server, flow_id), flow(server, flow_id)["error"]) == (ends, f"step 1 (job {first}): boom")
    call(server, "select server_api.retry(%s, 'me', null)", first)
    assert state(server, flow_id) == "running"
    assert advance(server)["advanced"] == 0
    run(worker)
    advance(server)
    assert newest(server)["task"] == "sum"


def test_a_retry_before_the_end_was_seen_is_waited_for(db: Database, server: Conn) -> None:
    worker = Session(db)
    started = start(server, chain(job(), job(task="sum")))
    run(worker, how="failed")
    call(server, "select server_api.retry(%s, 'me', null)", started["ids"][0])
    advance(server)
    assert state(server, started["flows"][0]) == "running"
    run(worker)
    advance(server)
    assert newest(server)["task"] == "sum"


def test_a_groups_callback_gets_the_results_in_the_members_order(db: Database, server: Conn) -> None:
    worker, other = Session(db), Session(db, "worker2")
    members = [job(args={"n": n}) for n in range(3)]
    started = start(server, group(*members, callback=job(task="sum", args={"a": 1}), results="parts"))
    ids, (flow_id,) = started["ids"], started["flows"]
    held = worker.claim(3)
    other_first = sorted(held, key=lambda item: -item["id"])
    for item in other_first[:2]:
        worker.exchange(done=[done(item, item["args"]["n"])])
    assert advance(server)["advanced"] == 1
    assert state(server, flow_id) == "running"
    worker.exchange(done=[done(other_first[2], how="failed", error="boom")])
    advance(server)
    callback = newest(server)
    assert callback["args"] == {
        "a": 1,
        "parts": [
            {"job_id": ids[0], "status": "failed", "result": None},
            {"job_id": ids[1], "status": "succeeded", "result": 1},
            {"job_id": ids[2], "status": "succeeded", "result": 2},
        ],
    }
    ended = flow(server, flow_id)
    assert (ended["state"], ended["callback_job_id"]) == ("failed", callback["id"])
    assert ended["error"] == "1 of 3 members did not succeed"
    other.close()
    call(server, "select server_api.retry(%s, 'me', null)", ids[0])
    assert len(run(worker, want=5)) == 2
    advance(server)
    assert call(server, "select count(*) from server_api.job") == 4, "a retry starts no second callback"


def test_any_starts_the_callback_at_the_first_end_once(db: Database, server: Conn) -> None:
    worker = Session(db)
    started = start(server, group(job(), job(), job(), on="any", callback=job(task="sum")))
    assert advance(server)["advanced"] == 0
    run(worker)
    advance(server)
    callback = newest(server)
    assert (callback["task"], state(server, started["flows"][0])) == ("sum", "succeeded")
    assert len(run(worker, want=5)) == 3
    advance(server)
    assert newest(server)["id"] == callback["id"]
    assert [row[3] for row in jobs_of(server, started["flows"][0])] == ["succeeded"] * 3


def test_an_empty_group_calls_back_at_once(db: Database, server: Conn) -> None:
    started = start(server, group(callback=job(task="sum"), results="parts"))
    assert newest(server)["args"] == {"parts": []}
    assert state(server, started["flows"][0]) == "succeeded"
    assert refused(server, "select server_api.start_jobs(%s)", json.dumps([group()]))[0] == "OWV01"
    assert refused(server, "select server_api.start_jobs(%s)", json.dumps([chain()]))[0] == "OWV01"


def test_members_that_end_at_once_call_back_once(db: Database, server: Conn) -> None:
    """Ten sessions end the members of one group at the same moment, and two schedulers advance it."""
    roles = ["worker", "worker2"] * 5
    sessions = [Session(db, role) for role in roles]
    members = [job() for _ in sessions]
    started = start(server, group(*members, callback=job(task="sum", queue="later"), results="parts"))
    held = [session.claim(1)[0] for session in sessions]
    barrier = threading.Barrier(len(sessions) + 2)

    def end(session: Session, item: dict[str, Any]) -> None:
        barrier.wait()
        session.exchange(done=[done(item, 1)])

    def keep_advancing(conn: Conn) -> None:
        barrier.wait()
        for _ in range(20):
            advance(conn)

    threads = [threading.Thread(target=end, args=pair) for pair in zip(sessions, held, strict=True)]
    threads += [threading.Thread(target=keep_advancing, args=[db.connect("server")]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    advance(server)
    callbacks = server.execute("select args from server_api.job where task = 'sum'").fetchall()
    assert len(callbacks) == 1
    assert {part["status"] for part in callbacks[0][0]["parts"]} == {"succeeded"}
    assert state(server, started["flows"][0]) == "succeeded"


def test_arguments_too_large_fail_their_flow_alone(db: Database, server: Conn) -> None:
    worker = Session(db)
    big = start(server, chain(job(), job(task="sum"), results="last"))
    small = start(server, chain(job(), job(task="sum")))
    wide = start(server, group(job(), callback=job(task="sum"), results="parts"))
    held = worker.claim(3)
    worker.exchange(done=[done(item, "x" * 70_000) for item in held])
    advance(server)
    assert state(server, small["flows"][0]) == "running"
    for flow_id, where in ((big["flows"][0], "step 2"), (wide["flows"][0], "callback")):
        ended = flow(server, flow_id)
        assert ended["state"] == "failed"
        assert ended["error"].startswith(f"{where}: its arguments with the results are 70")


def test_a_step_that_the_database_refuses_fails_its_flow_alone(db: Database, server: Conn) -> None:
    worker = Session(db)
    taken = start(server, chain(job(), job(task="sum", queueing_lock="q")))
    (holder,) = start(server, {"job": job(queueing_lock="q", delay=3600)})["ids"]
    refusing = start(server, chain(job(), job(task="sum", queue="narrow")))
    sound = start(server, chain(job(), job(task="sum")))
    db.connect("admin").execute("""insert into jobs.queue (name, takes) values ('narrow', '[["http.*"]]')""")
    run(worker, want=3)
    assert advance(server)["taken"] == 3
    assert flow(server, taken["flows"][0])["error"] == "step 2: a job with this queueing_lock waits already"
    assert "narrow does not take the task sum" in flow(server, refusing["flows"][0])["error"]
    assert state(server, sound["flows"][0]) == "running"
    assert one(server, holder)["status"] == "scheduled"


def test_what_nobody_can_start_is_refused_or_skipped(db: Database, server: Conn) -> None:
    start(server, {"job": job(queueing_lock="q", delay=3600)})
    again = start(server, {"job": job(queueing_lock="q")}, {"job": job()})
    assert (len(again["ids"]), len(again["skipped"])) == (1, 1)
    only = json.dumps([chain(job(queueing_lock="q"), job())])
    assert refused(server, "select server_api.start_jobs(%s)", only)[0] == "OWQ01"
    assert call(server, "select count(*) from server_api.flow") == 0
    grouped = start(server, group(job(queueing_lock="q"), job()))
    assert (len(grouped["ids"]), len(grouped["skipped"])) == (1, 1)
    (member,) = [row for row in jobs_of(server, grouped["flows"][0]) if row[2] is None]
    assert member[3] == "failed"
    unknown = json.dumps([{"job": job(task="nobody")}])
    assert refused(server, "select server_api.start_jobs(%s)", unknown)[0] == "OWU01"
    large = json.dumps([group(job(), callback=job(task="sum", args={"x": "y" * 70_000}))])
    assert refused(server, "select server_api.start_jobs(%s)", large)[1]["field"] == "args"


@pytest.mark.parametrize("role", ["server", "handler", "producer"])
def test_who_has_a_transaction_of_his_own_starts_jobs_in_it(db: Database, server: Conn, role: str) -> None:
    conn = db.connect(role)
    listener = db.connect("server")
    listener.execute("listen ow_any")
    with conn.transaction():
        (job_id,) = start(conn, {"job": {**job(), "id": 99, "run_id": 4, "idempotency": {"key": "x"}}})["ids"]
        assert call(server, "select count(*) from server_api.job") == 0
    assert one(server, job_id)["cause"] == {"kind": "sql", "actor": f"onewriter_test_{role}"}
    assert one(server, job_id)["run_id"] is None
    assert list(listener.notifies(timeout=5, stop_after=1))


@pytest.mark.parametrize("role", ["server", "handler", "producer"])
def test_an_event_makes_a_job_of_each_task_that_subscribes(db: Database, server: Conn, role: str) -> None:
    conn = db.connect(role)
    publish = "select server_api.publish_event(%s, %s)"
    both = call(conn, publish, "task.created", '{"id": 7}')
    assert [(one(server, i)["task"], one(server, i)["queue"]) for i in both] == [
        ("echo", "default"),
        ("mail", "mails"),
    ]
    assert one(server, both[0])["args"] == {"id": 7}
    assert one(server, both[0])["cause"]["ref"] == "event task.created"
    assert len(call(conn, publish, "task.moved", "{}")) == 1
    assert call(conn, publish, "task.gone", "{}") == []
    assert refused(conn, publish, "task.moved", "[]")[1]["field"] == "args"


@pytest.mark.parametrize("role", ["worker", "dba", "janitor"])
def test_nobody_else_starts_or_advances(db: Database, role: str) -> None:
    conn = db.connect(role)
    for statement in (
        "select server_api.start_jobs('[]')",
        "select server_api.publish_event('x', '{}')",
        "select server_api.advance_flows()",
        "select * from server_api.flow",
        "select * from server_api.child",
    ):
        assert refused(conn, statement)[0] == "42501"
    assert refused(db.connect("producer"), "select server_api.advance_flows()")[0] == "42501"
    assert refused(db.connect("handler"), "select server_api.advance_flows()")[0] == "42501"


def test_what_a_handler_starts_has_its_job_as_parent(db: Database, server: Conn) -> None:
    handler = db.connect("handler")
    drawn = call(handler, "select server_api.draw_job_ids(3)")
    parent, answer = follow(
        db,
        {"job": {**job(), "id": drawn[0]}},
        chain({**job(task="sum"), "id": drawn[2]}, job()),
        group(job(task="mail"), job(task="mail"), callback=job(task="sum")),
    )
    assert answer["jobs"][:2] == [drawn[0], drawn[2]]
    children = server.execute(
        "select id, task, flow_id is not null from server_api.child where parent_id = %s order by id",
        [parent],
    ).fetchall()
    assert [row[1:] for row in children] == [("echo", False), ("sum", True), ("mail", True), ("mail", True)]
    assert one(server, drawn[0])["cause"] == {
        "kind": "parent",
        "actor": "handler handlers",
        "ref": f"job {parent}",
    }
    assert call(server, "select array_agg(parent_id) from server_api.flow") == [parent, parent]
    rows = db.connect("dba").execute("select state, started_by, callback_task from inspect.flows order by id")
    assert rows.fetchall() == [("running", "handler handlers", None), ("running", "handler handlers", "sum")]


def test_ids_far_apart_have_causes_of_their_own(db: Database, server: Conn) -> None:
    """So that a cause's jobs are found by a short range of ids."""
    handler = db.connect("handler")
    (early,) = call(handler, "select server_api.draw_job_ids(1)")
    for _ in range(2):
        call(handler, "select server_api.draw_job_ids(1000)")
    (late,) = call(handler, "select server_api.draw_job_ids(1)")
    parent, _ = follow(db, {"job": {**job(), "id": late}}, {"job": {**job(), "id": early}})
    causes = db.connect("admin").execute(
        "select first_job, last_job from jobs.cause where parent_id = %s order by 1", [parent]
    )
    assert causes.fetchall() == [(early, early), (late, late)]
    kids = server.execute("select id from server_api.child where parent_id = %s order by id", [parent])
    assert [row[0] for row in kids] == [early, late]


def cancel(conn: Conn, job_id: int, *, children: bool = False) -> dict[str, Any]:
    answer: dict[str, Any] = call(conn, "select server_api.cancel(%s, 'me', 'enough', %s)", job_id, children)
    return answer


def test_a_finished_parent_cancels_what_waits(db: Database, server: Conn) -> None:
    parent, answer = follow(
        db,
        {"job": job()},
        chain(job(), job(task="sum")),
        group(job(), job(), callback=job(task="sum")),
    )
    worker = Session(db)
    (held,) = worker.claim(1)
    assert refused(server, "select server_api.cancel(%s, 'me', null)", parent) == (
        "OWS01",
        {"status": "succeeded"},
    )
    done_ = cancel(server, parent, children=True)
    assert done_["status"] == "succeeded"
    assert done_["children"] == {"cancelled": 3, "abort_requested": 1, "flows": 2}
    assert done_["more"] is False
    assert f"ow_w_{worker.id}" in done_["wake"]
    assert [status(server, i) for i in answer["jobs"]] == ["running"] + ["cancelled"] * 3
    worker.exchange(done=[done(held, how="aborted")])
    advance(server)
    states = server.execute("select state, error from server_api.flow order by id").fetchall()
    assert states == [("cancelled", "cancelled by me")] * 2
    assert call(server, "select count(*) from server_api.job where task = 'sum'") == 0
    assert cancel(server, parent, children=True)["children"]["cancelled"] == 0


def test_a_cancelled_step_takes_its_chain_along(db: Database, server: Conn) -> None:
    waiting = start(server, chain(job(), job(task="sum")))
    answer = cancel(server, waiting["ids"][0])
    assert (answer["status"], answer["children"]["flows"]) == ("cancelled", 1)
    advance(server)
    assert state(server, waiting["flows"][0]) == "cancelled"
    assert call(server, "select count(*) from server_api.job where task = 'sum'") == 0


def test_a_cancelled_member_has_ended_for_its_group(db: Database, server: Conn) -> None:
    started = start(server, group(job(), callback=job(task="sum"), results="parts"))
    cancel(server, started["ids"][0])
    advance(server)
    assert [part["status"] for part in newest(server)["args"]["parts"]] == ["cancelled"]


def test_a_step_between_two_jobs_does_not_escape_a_cancel(db: Database, server: Conn) -> None:
    """The first has ended, nobody has started the second."""
    worker = Session(db)
    started = start(server, chain(job(), job(task="sum")))
    run(worker)
    cancel(server, started["ids"][0], children=True)
    advance(server)
    assert call(server, "select count(*) from server_api.job where task = 'sum'") == 0


def test_grandchildren_are_cancelled_and_the_rest_is_told(db: Database, server: Conn) -> None:
    worker = Session(db)
    started = start(server, chain(job(), job(), job(task="sum", delay=3600)))
    for _ in range(2):
        run(worker)
        advance(server)
    third = newest(server)
    assert third["status"] == "scheduled"
    with db.connect("server").transaction() as _, psycopg.connect(db.dsn("admin")) as other:
        other.execute("select from procrastinate.procrastinate_jobs where id = %s for update", [third["id"]])
        blocked = cancel(server, started["ids"][0], children=True)
        assert (blocked["children"]["cancelled"], blocked["more"]) == (0, True)
    assert cancel(server, started["ids"][0], children=True)["children"]["cancelled"] == 1
    assert status(server, third["id"]) == "cancelled"


def test_a_dba_cancels_a_tree(db: Database, server: Conn) -> None:
    parent, answer = follow(db, {"job": job()})
    dba = db.connect("dba")
    assert refused(dba, "select operator_api.cancel(%s, 'stop')", parent)[0] == "OWS01"
    assert call(dba, "select operator_api.cancel(%s, 'stop', true)", parent) == "succeeded"
    assert status(server, answer["jobs"][0]) == "cancelled"
    assert call(server, "select detail ->> 'cancelled' from server_api.audit order by id desc limit 1") == "1"


def test_a_flow_that_somebody_holds_waits_alone(db: Database, server: Conn) -> None:
    worker = Session(db)
    held = start(server, chain(job(), job(task="sum")))
    free = start(server, chain(job(), job(task="sum")))
    run(worker, want=2)
    with psycopg.connect(db.dsn("admin")) as other:
        other.execute("select from jobs.flow where id = %s for update", [held["flows"][0]])
        answer = advance(server)
        assert (answer["taken"], answer["left"]) == (1, 1)
    assert flow(server, free["flows"][0])["started"] == 2
    assert advance(server)["taken"] == 1
    assert flow(server, held["flows"][0])["started"] == 2


def test_an_open_transaction_with_the_queueing_lock_holds_up_no_other(db: Database, server: Conn) -> None:
    worker = Session(db)
    start(server, {"job": job()})  # the queue is there: nobody waits for its row
    run(worker)
    held = start(server, chain(job(), job(task="sum", queueing_lock="q")))
    free = start(server, chain(job(), job(task="sum")))
    run(worker, want=2)
    with db.connect("server", autocommit=False) as other:
        start(other, {"job": job(queueing_lock="q")})
        answer = advance(server)
        assert (answer["taken"], answer["left"], answer["advanced"]) == (1, 1, 1)
        assert flow(server, free["flows"][0])["started"] == 2
        other.rollback()
    assert advance(server)["taken"] == 1
    assert flow(server, held["flows"][0])["started"] == 2


PRUNE = "select server_api.prune_jobs(0, 1000, '1 min', '1 min', '1 min', '1 min')"


def test_a_flow_keeps_its_jobs_and_goes_with_the_last(db: Database, server: Conn) -> None:
    worker, admin = Session(db), db.connect("admin")
    aged = """update procrastinate.procrastinate_jobs set created_at = now() - interval '1 day',
              finished_at = now() - interval '1 day' where status = 'succeeded'"""
    started = start(server, chain(job(), job(task="sum")))
    run(worker)
    assert refused(server, "select server_api.remove(%s, 'me', null)", started["ids"][0])[0] == "OWS01"
    advance(server)
    assert refused(server, "select server_api.remove(%s, 'me', null)", started["ids"][0])[0] == "OWS01"
    admin.execute(aged.encode())
    assert call(server, PRUNE)["pruned"] == 0
    run(worker)
    advance(server)
    assert call(server, PRUNE)["pruned"] == 1
    assert state(server, started["flows"][0]) == "succeeded"
    assert jobs_of(server, started["flows"][0])[0] == (1, None, started["ids"][0], "succeeded")
    admin.execute(aged.encode())
    assert call(server, PRUNE)["pruned"] == 1
    assert call(server, "select count(*) from server_api.flow") == 0
    assert call(admin, "select count(*) from jobs.flow_member") == 0
