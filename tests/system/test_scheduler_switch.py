"""ONEWRITER_SCHEDULER_ENABLED=false: no schedule fires and no run starts; everything else goes on."""

import json
from datetime import UTC, datetime, timedelta

from tests.support.processes import Process
from tests.support.stage import Stage

EVERY_SECOND = {"every": 1, "target": {"task": "sample.add"}, "args": {"a": 1}}
CATALOGUE = {"catalogue": 1, "tasks": [{"name": "sample.add", "schema": {}}]}
RUNS = "select * from server_api.schedule_run where state <> 'pending'"


def test_off_nothing_fires_and_the_rest_goes_on(stage: Stage) -> None:
    server = stage.server
    server.execute("select server_api.publish_tasks('here', %s, 'test')", [json.dumps(CATALOGUE)])
    server.execute(
        "select server_api.put_schedule('tick', %s, null, 'test', null, null)", [json.dumps(EVERY_SECOND)]
    )
    asked = {"args": None, "force": False, "actor": "test", "reason": "x", "request_id": None}
    server.execute("select server_api.request_run('tick', %s)", [json.dumps({**asked, "idempotency": None})])
    off = stage.scheduler(ONEWRITER_SCHEDULER_ENABLED="false")
    assert "ONEWRITER_SCHEDULER_ENABLED is false" in off.output()
    assert state(stage) == "disabled"
    late = stage.enqueue("sample.add", expires_at=f"{datetime.now(UTC) + timedelta(seconds=2)}")
    assert stage.ended(late)["reason"] == "expired"  # its loop ran; two fires have passed meanwhile
    assert stage.rows(RUNS) == []
    assert off.stop() == 0
    on(stage)


def on(stage: Stage) -> Process:
    """The same database with the switch back: both the run that was asked for and the schedule's own."""
    scheduler = stage.scheduler()
    assert state(stage) == "ok"
    stage.until(lambda: {"manual", "cron"} <= {row["trigger"] for row in stage.rows(RUNS)})
    return scheduler


def state(stage: Stage) -> str:
    (row,) = stage.rows("select server_api.scheduler_state() as state")
    return str(row["state"])
