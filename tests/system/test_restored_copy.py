"""Last night's dump, restored: real processes do nothing there until somebody arms it."""

import json
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest

from app.commands.keys import hash_token
from tests.support.cluster import TEMPLATE, Database, Server
from tests.support.copies import restored, standby
from tests.support.processes import Processes, address
from tests.support.protocol import Session, enqueue, job
from tests.support.stage import Stage
from tests.system.conftest import Cli

pytestmark = pytest.mark.timeout(120)
CATALOGUE = '{"catalogue": 1, "tasks": [{"name": "sample.add", "schema": {}}]}'
KEY = "ow_tests"


@pytest.fixture
def stage(db: Database, processes: Processes) -> Iterator[Stage]:
    """A restored copy of a database in which one job ran, one waited, and one was late."""
    with db.connect("server") as server:
        server.execute("select server_api.publish_tasks('here', %s, 'tests')", [CATALOGUE])
        key = [hash_token(KEY), KEY]
        server.execute("select server_api.create_key('boss', %s, %s, '{admin}', null, null, null, 'me')", key)
        enqueue(server, job(task="sample.add", args={"a": 1}))
        Session(db).claim(1)
        enqueue(server, job(task="sample.add", args={"a": 2}))
        enqueue(server, job(task="sample.add", expires_at="2020-01-01T00:00:00Z"))
    with restored(db) as copy:
        yield Stage(copy, processes)


def test_nothing_runs_until_it_is_armed_and_then_everything(stage: Stage, cli: Cli) -> None:
    copy, processes = stage.db, stage.processes
    worker = processes.worker(copy.dsn("worker"), ONEWRITER_ENVIRONMENT="staging")
    scheduler = processes.scheduler(copy.dsn("server"), ONEWRITER_ENVIRONMENT="staging")
    api = processes.api(copy.dsn("server"), ONEWRITER_ENVIRONMENT="staging")
    said = "a copy of default (armed in the database onewriter_template) that nobody armed here"
    stage.until(lambda: said in worker.output())
    stage.until(lambda: said in scheduler.output())
    stage.until(lambda: address(api))
    url = address(api) or ""
    assert ask(f"{url}/v1/jobs", {"task": "sample.add"})[0] == 503
    assert said in ask(f"{url}/readyz")[1]["detail"]
    assert ask(f"{url}/v1/jobs")[0] == 200
    assert (stage.statuses(), stage.sessions()[1:]) == ({"running": 1, "ready": 2}, [])
    assert "nothing runs here" in cli("doctor")[1]
    code, shown, _ = cli("environment", "show", "--json")
    assert (code, json.loads(shown)["quarantined"]) == (1, True)

    code, told, _ = cli("arm", "--environment", "staging", "--yes")
    assert code == 0
    assert "2 ready, 0 scheduled and due; 0 scheduled for later; 1 that ran when it was copied" in told
    assert stage.all_ended() == {"succeeded": 2, "failed": 1}
    stage.until(lambda: ask(f"{url}/v1/jobs", {"task": "sample.add", "args": {"a": 3}})[0] == 201)
    assert ask(f"{url}/readyz")[0] == 200
    for process in (worker, scheduler):
        assert process.output().count(said) == 1, process.output()
    refused_elsewhere(stage, cli)


def refused_elsewhere(stage: Stage, cli: Cli) -> None:
    """Production's processes, misdirected to what is armed as staging."""
    lost = stage.processes.worker(stage.db.dsn("worker"), ONEWRITER_ENVIRONMENT="production")
    assert (lost.wait(), "armed as staging, and this process belongs to production" in lost.output()) == (
        2,
        True,
    )
    assert cli("environment", "show")[0] == 1  # of "default", as this shell is
    assert cli("arm", "--environment", "staging", "--yes")[2].endswith("nothing to do\n")


@pytest.mark.timeout(180)
def test_a_promoted_standby_stays_armed(own_cluster: tuple[Any, Server], processes: Processes) -> None:
    cluster, server = own_cluster
    with Database(server, TEMPLATE).connect("server") as conn:
        (job_id,) = enqueue(conn, job(task="sample.add", args={"a": 1}))
    with standby(cluster, server) as (_, other):
        replica = Database(other, TEMPLATE)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            replica.connect("worker").execute("select worker_api.open(null, 'w')")
        cluster.stop()
        replica.connect("admin").execute("select pg_promote()")
        stage = Stage(replica, processes)
        worker = stage.worker()
        assert stage.ended(job_id)["status"] == "succeeded"
        shown = replica.connect("dba").execute("select environment, quarantined from inspect.environment()")
        assert shown.fetchone() == ("default", False)
        assert worker.stop() == 0
        replica.close()


def ask(url: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON of a GET, or of a POST of `body`."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Authorization": f"Bearer {KEY}"})
    try:
        answer: HTTPResponse | HTTPError = urlopen(request, timeout=10)
    except HTTPError as error:
        answer = error
    with answer:
        return answer.status or 0, json.loads(answer.read())
