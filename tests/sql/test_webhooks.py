"""Webhooks: definitions, who may do what, who is told of what, exactly once."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.support.cluster import LOGINS, Database
from tests.support.hooks import URL, Hooks, refused
from tests.support.protocol import enqueue, job


@pytest.fixture
def hooks(db: Database) -> Hooks:
    return Hooks(db)


def test_each_login_may_call_what_its_role_may(db: Database) -> None:
    """What a function itself refuses (OWN08: no such webhook) has been let in."""
    calls = {
        "select server_api.put_webhook('x', '{}', null, null, null, null, null)": {"server"},
        "select server_api.remove_webhook('x', null, null, null, null)": {"server"},
        "select server_api.rotate_webhook('x', null, null, null, null)": {"server"},
        "select server_api.set_webhook_enabled('x', true, null, null, null)": {"server"},
        "select server_api.ping_webhook('x', null, null, null)": {"server"},
        "select server_api.replay_webhook('x', null, null, null, null, null)": {"server"},
        "select server_api.deliver_webhooks()": {"server"},
        "select * from server_api.webhook": {"server"},
        "select * from server_api.webhook_delivery": {"server"},
        "select * from inspect.webhooks": {"server", "dba"},
        "select * from inspect.webhook_deliveries": {"server", "dba"},
        "select operator_api.enable_webhook('x', 'why')": {"dba"},
        "select operator_api.disable_webhook('x', 'why')": {"dba"},
        "select operator_api.ping_webhook('x', 'why')": {"dba"},
        "select operator_api.replay_webhook('x', null, 'why')": {"dba"},
        "select jobs.put_webhook('x', '{}', null, null, null, null, null)": set(),
        "select jobs.send_webhooks('[]', 1, null)": set(),
        "select jobs.webhook_secret(null)": set(),
        "select jobs.judge_webhooks('{}')": set(),
        "select * from jobs.webhook": set(),
        "insert into jobs.webhook_delivery default values": set(),
    }
    for role, (query, roles) in itertools.product(LOGINS, calls.items()):
        try:
            db.connect(role).execute(query.encode())
            allowed = True
        except errors.InsufficientPrivilege:
            allowed = False
        except psycopg.Error as error:
            allowed = str(error.sqlstate).startswith("OW")
        assert allowed == (role in roles), (role, query)


def test_a_secret_is_told_once_and_stands_in_no_view(hooks: Hooks) -> None:
    secret = hooks.put()["secret"]
    assert secret.startswith("whsec_")
    assert hooks.put("other")["secret"] != secret
    assert hooks.put("hook", "job.*")["secret"] is None
    hooks.ended()
    hooks.deliver()
    for role, view in itertools.product(
        ("server", "dba"), ("webhook", "webhook_delivery", "job", "audit", "secret")
    ):
        names = {
            "webhook": "webhooks",
            "webhook_delivery": "webhook_deliveries",
            "job": "jobs",
            "secret": "secret_uses",
        }
        name = f"server_api.{view}" if role == "server" else f"inspect.{names.get(view, view)}"
        rows = hooks.db.connect(role).execute(f"select t::text from {name} as t".encode()).fetchall()
        assert secret not in str(rows)
        assert secret.removeprefix("whsec_") not in str(rows)


@pytest.mark.parametrize(
    ("field", "name", "given"),
    [
        ("name", "a b", {}),
        ("name", "x" * 101, {}),
        ("url", "x", {"url": "ftp://example.com"}),
        ("url", "x", {"url": "https://user:pass@example.com/"}),
        ("url", "x", {"url": "https://example.com/\nx"}),
        ("url", "x", {"url": "https://" + "x" * 2048}),
        ("url", "x", {"url": None}),
        ("events", "x", {"events": []}),
        ("events", "x", {"events": ["job.started"]}),
        ("events", "x", {"events": "*"}),
        ("tasks", "x", {"tasks": []}),
        ("tasks", "x", {"tasks": ["a", None]}),
        ("tasks", "x", {"tasks": "a"}),
        ("description", "x", {"description": "x" * 1001}),
        ("more", "x", {"more": 1}),
        ("secret", "x", {"secret": "whsec_short"}),
        ("secret", "x", {"secret": "whsec_" + "A" * 88}),
        ("secret", "x", {"secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}),
    ],
)  # fmt: skip
def test_what_is_no_webhook_is_refused(hooks: Hooks, field: str, name: str, given: dict[str, Any]) -> None:
    with refused("OWV01") as caught:
        hooks.put(name, **given)
    assert json.loads(caught.value.diag.message_detail or "")["field"] == field
    assert hooks.subscriptions() == []


def test_a_webhooks_revisions(hooks: Hooks) -> None:
    assert (hooks.put(expected=0)["created"], hooks.put()["revision"]) == (True, 1)
    with refused("OWK05"):
        hooks.put(expected=0)
    with refused("OWS02"):
        hooks.put(url=f"{URL}/2", expected=7)
    with refused("OWS02"):
        hooks.put("absent", expected=1)
    with refused("OWV01"):
        hooks.put(secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert hooks.put(url=f"{URL}/2", expected=1)["revision"] == 2
    with refused("OWN08"):
        hooks.ask("select server_api.remove_webhook('absent', null, 'me', null, null)")
    hooks.ask("select server_api.remove_webhook('hook', 2, 'me', 'done', null)")
    assert hooks.admin.execute("select from jobs.secret").fetchall() == []
    actions = hooks.server.execute(
        "select action, target, actor from server_api.audit order by id"
    ).fetchall()
    assert actions == [(f"webhooks.{verb}", "hook", "me") for verb in ("put", "put", "remove")]


def test_a_secret_of_somebody_elses_is_not_taken_over(hooks: Hooks) -> None:
    hooks.ask("select server_api.set_secret('webhook/hook', 'mine', '{x}', null, 'me')")
    with refused("OWV01"):
        hooks.put()


def test_subscriptions_follow_the_webhooks(hooks: Hooks) -> None:
    own = ("webhook.deliver", "*")
    assert hooks.subscriptions() == []
    hooks.put("runs", "run.*")
    assert hooks.subscriptions() == [own], "a run's end is looked up where it ends"
    hooks.put("failures", "job.failed", "run.finished")
    assert hooks.subscriptions() == [("*", "failed"), own]
    hooks.put("all", "*")
    assert len(hooks.subscriptions()) == 5
    hooks.put("all", "job.aborted")
    assert hooks.subscriptions() == [("*", "aborted"), ("*", "failed"), own]
    hooks.enable("failures", enabled=False)
    assert hooks.subscriptions() == [("*", "aborted"), own]
    for name in ("runs", "failures", "all"):
        hooks.ask("select server_api.remove_webhook(%s, null, 'me', null, null)", name)
    assert hooks.subscriptions() == []


def test_without_a_webhook_nothing_is_written(hooks: Hooks) -> None:
    hooks.ended()
    assert hooks.admin.execute("select from jobs.outbox").fetchall() == []
    assert hooks.deliver() == {"taken": 0, "sent": 0, "disabled": [], "wake": [], "next": None}


def test_an_end_is_told_once_to_whoever_wants_it(hooks: Hooks) -> None:
    hooks.put("all", "*")
    hooks.put("billing", "job.succeeded", tasks=["billing.*"], url=f"{URL}/2")
    hooks.put("failures", "job.failed")
    hooks.put("others", "job.*", tasks=["reports.*", "billing"])
    hooks.put("runs", "run.*")
    hooks.put("asleep", "*")
    hooks.enable("asleep", enabled=False)
    job_id = hooks.ended(key="acme", args={"card": "4711"})
    answer = hooks.deliver()
    assert (answer["taken"], answer["sent"], "ow_any" in answer["wake"]) == (1, 2, True)
    assert hooks.deliver()["sent"] == 0
    (first,), (second,) = hooks.deliveries("all"), hooks.deliveries("billing")
    for name in ("failures", "others", "runs", "asleep"):
        assert hooks.deliveries(name) == []
    assert first["message_id"] == second["message_id"]
    assert (first["status"], first["event"], first["subject_job_id"]) == ("pending", "job.succeeded", job_id)
    sent = hooks.ask("select to_jsonb(j) from server_api.job as j where j.id = %s", second["job_id"])
    assert (sent["task"], sent["queue"], sent["max_attempts"]) == ("webhook.deliver", "webhooks", 10)
    args = sent["args"]
    assert (args["url"], args["secret"]) == (f"{URL}/2", "secret://webhook/billing")
    assert args["message_id"].startswith("msg_")
    at = datetime.fromisoformat(args["timestamp"])
    assert at.utcoffset() == timedelta() and datetime.now(UTC) - at < timedelta(minutes=1)
    data = args["data"]
    assert (data["id"], data["task"], data["key"], data["status"]) == (
        job_id,
        "billing.charge",
        "acme",
        "succeeded",
    )
    assert (data["attempt"], data["reason"]) == (1, None)
    assert "4711" not in json.dumps(sent), "a message is thin"


def test_failures_say_why_and_never_the_text(hooks: Hooks) -> None:
    hooks.put("hook", "job.failed", "job.cancelled")
    hooks.ended(error="ValueError: card 4711")
    (waiting,) = enqueue(hooks.server, job(task="x"))
    hooks.ask("select server_api.cancel(%s, 'me', 'no')", waiting)
    hooks.deliver()
    args = [hooks.args(one) for one in hooks.deliveries()]
    failed, cancelled = (one["data"] for one in args)
    assert (failed["status"], failed["reason"], failed["attempt"]) == ("failed", "error", 1)
    assert "4711" not in json.dumps(args)
    assert (cancelled["status"], cancelled["id"], cancelled["attempt"]) == ("cancelled", waiting, None)
    assert cancelled["finished_at"]


def test_deliveries_are_no_news(hooks: Hooks) -> None:
    """Else each would make the next one, for ever."""
    hooks.put("hook", "*")
    hooks.ended()
    for _ in range(3):
        hooks.deliver()
        hooks.run()
    assert [one["status"] for one in hooks.deliveries()] == ["delivered"]
    assert hooks.deliveries()[0]["answered"] == 200
    assert hooks.admin.execute("select from jobs.outbox").fetchall() == []


def test_who_is_killed_in_between_leaves_the_end_to_the_next(hooks: Hooks) -> None:
    hooks.put("a", "*")
    hooks.put("b", "*")
    hooks.ended()
    killed = hooks.db.connect("server", autocommit=False)
    killed.execute("select server_api.deliver_webhooks()")
    killed.close()
    assert hooks.deliver()["sent"] == 2
    assert [len(hooks.deliveries(name)) for name in "ab"] == [1, 1]


def test_two_hundred_ends_a_call(hooks: Hooks) -> None:
    hooks.put("hook", "job.cancelled")
    ids = enqueue(hooks.server, *[job(task="x") for _ in range(201)])
    for job_id in ids:
        hooks.ask("select server_api.cancel(%s, 'me', null)", job_id)
    assert [hooks.deliver()["taken"] for _ in range(3)] == [200, 1, 0]
    assert [one["subject_job_id"] for one in hooks.deliveries()] == ids


def test_a_schedules_run_that_is_over_is_told(hooks: Hooks) -> None:
    hooks.put("jobs", "job.*")
    hooks.put("runs", "run.finished")
    hooks.put("billing", "run.*", tasks=["billing.*"])
    hooks.put("reports", "run.*", tasks=["reports.*"])
    definition = {"every": 3600, "target": {"task": "billing.charge"}}
    hooks.ask("select server_api.put_schedule('s', %s, null, 'me', null, null)", json.dumps(definition))
    request = json.dumps({"actor": "me", "reason": "now", "force": False})
    run_id = hooks.ask("select server_api.request_run('s', %s)", request)["run_id"]
    member = {"task": "billing.charge", "job": job(task="billing.charge", queue="work"), "error": None}
    hooks.ask("select server_api.start_runs(%s)", json.dumps([{"run_id": run_id, "members": [member]}]))
    hooks.run("work")
    hooks.deliver()
    listener = hooks.db.connect("server")
    listener.execute("listen ow_hook")
    hooks.ask("select server_api.close_runs()")
    assert [one.channel for one in listener.notifies(timeout=10, stop_after=1)] == ["ow_hook"]
    assert hooks.deliver()["sent"] == 2
    assert hooks.deliveries("reports") == []
    assert [one["event"] for one in hooks.deliveries("jobs")] == ["job.succeeded"]
    (delivery,) = hooks.deliveries("runs")
    assert (delivery["event"], delivery["subject_run_id"], delivery["subject_job_id"]) == (
        "run.finished",
        run_id,
        None,
    )
    data = hooks.args(delivery)["data"]
    assert (data["id"], data["schedule"], data["outcome"], data["members"]) == (run_id, "s", "succeeded", 1)
