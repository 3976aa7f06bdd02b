"""Deliveries of webhooks: what signs them, replays, pings, endpoints that are gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.cluster import Database
from tests.support.hooks import URL, Hooks, end, refused
from tests.support.protocol import Session, enqueue, job

GONE = 'EndpointGone: The endpoint answered 410 Gone.\n  File "webhook.py"'


@pytest.fixture
def hooks(db: Database) -> Hooks:
    return Hooks(db)


def test_the_secret_signs_deliveries_alone(hooks: Hooks) -> None:
    secret = hooks.put()["secret"]
    hooks.put("other")
    reference = {"secret": "secret://webhook/hook", "url": "https://mallory.example"}
    enqueue(hooks.server, job(task="webhook.deliver", queue="webhooks", args=reference))
    hooks.ping()
    hooks.ping("other")
    session = Session(hooks.db, "worker", queues=["webhooks"])
    forged, real, others = session.claim(3)
    asked = [
        session.connection.execute(
            "select worker_api.secrets(%s, %s, %s, %s)",
            [session.id, session.secret, one["id"], one["claim_no"]],
        ).fetchone()[0]  # type: ignore[index]
        for one in (forged, real, others)
    ]
    assert asked[:2] == [{}, {"webhook/hook": secret}]
    assert list(asked[2]) == ["webhook/other"]


def test_a_rotated_secret_has_two_values_for_a_day(hooks: Hooks) -> None:
    old = hooks.put()["secret"]
    new = hooks.ask("select server_api.rotate_webhook('hook', null, 'me', null, null)")["secret"]
    given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    value = "select value from jobs.secret"
    assert hooks.admin.execute(value).fetchone() == (f"{new} {old}",)
    hooks.ask("select server_api.rotate_webhook('hook', %s, 'me', null, null)", given)
    assert hooks.admin.execute(value).fetchone() == (f"{given} {new}",)
    assert 86_300 < hooks.deliver()["next"] <= 86_400
    hooks.admin.execute("update jobs.webhook set rotated_at = rotated_at - interval '1 day'")
    assert hooks.deliver()["next"] is None
    assert hooks.admin.execute(value).fetchone() == (given,)


def fail(hooks: Hooks, messages: int, *, error: str = "NotDelivered: The endpoint answered 500.") -> None:
    """So many messages become dead letters, one after the other."""
    for _ in range(messages):
        hooks.ended()
        hooks.deliver()
        hooks.run(error=error)
        hooks.deliver()


def days_pass(hooks: Hooks, days: float) -> None:
    hooks.admin.execute("update jobs.webhook set failing_since = failing_since - %s", [timedelta(days=days)])


def test_an_endpoint_that_takes_nothing_for_five_days_is_disabled(hooks: Hooks) -> None:
    hooks.put("hook", "job.succeeded")
    fail(hooks, 6)
    assert (hooks.state()["enabled"], hooks.state()["failures"]) == (True, 6), "it lasts but an instant"
    days_pass(hooks, 4.9)
    fail(hooks, 1)
    assert hooks.state()["enabled"]
    days_pass(hooks, 0.2)
    fail(hooks, 1)
    state = hooks.state()
    assert (state["enabled"], state["disabled_by"]) == (False, "webhooks")
    assert "8 messages" in state["disabled_reason"]
    (line,) = hooks.server.execute(
        "select actor, reason from server_api.audit where action = 'webhooks.disable'"
    ).fetchall()
    assert line == ("webhooks", state["disabled_reason"])
    assert hooks.subscriptions() == [("webhook.deliver", "*")]
    hooks.enable()
    assert (hooks.state()["failures"], hooks.state()["failing_since"]) == (0, None)


def test_four_messages_are_not_enough_and_a_success_forgets_them(hooks: Hooks) -> None:
    hooks.put("hook", "job.succeeded")
    fail(hooks, 1)
    days_pass(hooks, 6)
    fail(hooks, 3)
    assert (hooks.state()["enabled"], hooks.state()["failures"]) == (True, 4)
    for one in hooks.deliveries():  # sent again they count no second time
        hooks.replay(one["id"])
    hooks.run(error="NotDelivered: again")
    hooks.deliver()
    assert (hooks.state()["enabled"], hooks.state()["failures"]) == (True, 4)
    hooks.ended()
    hooks.deliver()
    hooks.run()
    hooks.deliver()
    assert (hooks.state()["failures"], hooks.state()["failing_since"]) == (0, None)


def test_an_endpoint_that_says_it_is_gone_is_disabled_and_what_waits_cancelled(hooks: Hooks) -> None:
    hooks.put("hook", "job.succeeded")
    hooks.put("other", "job.succeeded")
    hooks.ended()
    hooks.deliver()
    session = Session(hooks.db, "worker", queues=["webhooks"])
    (held,) = session.claim(1)
    hooks.ended()
    hooks.deliver()
    session.exchange(done=[end(held, GONE)])
    assert hooks.deliver()["disabled"] == ["hook"]
    assert hooks.state()["disabled_reason"] == "it answered 410 Gone"
    assert [one["status"] for one in hooks.deliveries()] == ["failed", "cancelled"]
    assert [one["status"] for one in hooks.deliveries("other")] == ["pending", "pending"]
    with refused("OWS01"):
        hooks.replay()
    hooks.enable()
    assert hooks.replay()["replayed"] == 2


def test_a_message_sent_again_keeps_its_id(hooks: Hooks) -> None:
    hooks.put("hook", "job.succeeded", url=f"{URL}/old")
    hooks.put("other", "*")
    fail(hooks, 2)
    first, second = hooks.deliveries()
    assert (first["status"], "500" in first["error"], first["attempts"]) == ("failed", True, 1)
    hooks.put("hook", "job.succeeded", url=f"{URL}/new")
    for name, delivery in (("other", first["id"]), ("hook", 10_000)):
        with refused("OWN02"):
            hooks.replay(delivery, name)
    sent = hooks.replay(first["id"])
    assert sent["replayed"] == 1
    again = hooks.deliveries()[-1]
    assert (again["message_id"], again["replay_of"]) == (first["message_id"], first["id"])
    old, new = hooks.args(first), hooks.args(again)
    assert new == {**old, "url": f"{URL}/new"}, "to where it is now"
    with refused("OWS01"):
        hooks.replay(again["id"])
    # What is on its way is not sent again, nor what arrived.
    assert [one["message_id"] for one in hooks.replay()["deliveries"]] == [second["message_id"]]
    hooks.run()
    assert hooks.replay() == {"replayed": 0, "deliveries": []}
    assert hooks.replay(first["id"])["replayed"] == 1, "one that arrived, because somebody asks for it"


def test_only_what_failed_since_then_is_sent_again(hooks: Hooks) -> None:
    hooks.put("hook", "job.succeeded")
    fail(hooks, 2)
    hooks.admin.execute(
        """update jobs.webhook_delivery set created_at = now() - interval '2 hours'
            where id = (select min(id) from jobs.webhook_delivery)"""
    )
    assert hooks.replay(since=datetime.now(UTC) - timedelta(hours=1))["replayed"] == 1
    assert hooks.replay()["replayed"] == 1


def test_a_ping_goes_once_and_also_to_a_disabled_one(hooks: Hooks) -> None:
    hooks.put("hook", "job.failed")
    hooks.enable(enabled=False)
    sent = hooks.ping()
    (delivery,) = hooks.deliveries()
    assert (delivery["id"], delivery["event"]) == (sent["delivery_id"], "webhook.ping")
    ping = hooks.ask("select to_jsonb(j) from server_api.job as j where j.id = %s", sent["job_id"])
    assert (ping["max_attempts"], ping["args"]["data"]) == (1, {"webhook": "hook"})
    assert ping["cause"]["kind"] == "operator"


def test_removing_a_webhook_takes_along_what_waits(hooks: Hooks) -> None:
    hooks.put()
    sent = hooks.ping()
    hooks.ask("select server_api.remove_webhook('hook', null, 'me', null, null)")
    assert hooks.ask("select status from server_api.job where id = %s", sent["job_id"]) == "cancelled"
    assert hooks.deliver()["sent"] == 0


def test_a_delivery_goes_with_its_job(hooks: Hooks) -> None:
    hooks.put()
    sent = hooks.ping()
    hooks.run()
    hooks.deliver()
    hooks.ask("select server_api.remove(%s, 'me', null)", sent["job_id"])
    assert hooks.deliveries() == []


def test_operators_do_it_in_psql(hooks: Hooks) -> None:
    hooks.put("hook", "job.succeeded")
    fail(hooks, 1)
    dba = hooks.db.connect("dba")
    dba.execute("select operator_api.disable_webhook('hook', 'it moves')")
    assert dba.execute("select state, disabled_reason from inspect.webhooks").fetchone() == (
        "disabled",
        "it moves",
    )
    dba.execute("select operator_api.enable_webhook('hook', 'it has moved')")
    (ping,) = dba.execute("select operator_api.ping_webhook('hook', 'does it answer?')").fetchone()  # type: ignore[misc]
    assert dba.execute("select operator_api.replay_webhook('hook', '-infinity', 'again')").fetchone() == (1,)
    rows = dba.execute("select id, status, event from inspect.webhook_deliveries order by id").fetchall()
    assert [row[1:] for row in rows] == [
        ("failed", "job.succeeded"), ("pending", "webhook.ping"), ("pending", "job.succeeded"),
    ]  # fmt: skip
    assert rows[1][0] == ping
    reasons = dba.execute(
        "select reason from inspect.audit where action like 'webhooks.%' order by id"
    ).fetchall()
    assert [reason for (reason,) in reasons][1:] == ["it moves", "it has moved", "does it answer?", "again"]
