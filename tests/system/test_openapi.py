"""The served OpenAPI document against a real process: every answer is one that it documents, none a 5xx."""

import contextlib
import json
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.cli.main import run
from app.commands.keys import SCOPES
from app.http.routes import ROUTES
from tests.api.conftest import TASKS
from tests.support.protocol import Session, done, enqueue, job
from tests.support.stage import Stage

LONGEST = 0.02
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
REFUSALS = [*CHECKS, negative_data_rejection]
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
# Bytes of a request line that aiohttp reads.
LONGEST_URL = 8_000
Seen = dict[tuple[str, str], set[int]]
SCHEDULES = 20
VERBS = ("/pause", "/resume", "/run-now", "/backfill")
EVERY_MINUTE = {"every": 60, "target": {"task": "echo"}}


@pytest.fixture
def url(stage: Stage) -> str:
    """A running API with published tasks."""
    catalogue = json.dumps({"catalogue": 1, "tasks": TASKS})
    stage.server.execute("select server_api.publish_tasks('tests', %s, 'tests')", [catalogue])
    return stage.api()


@pytest.fixture
def client(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> requests.Session:
    """With a key that has every scope."""
    monkeypatch.setenv("ONEWRITER_DATABASE_URL", stage.db.dsn("server"))
    assert run(["keys", "create", "all", *(part for scope in SCOPES for part in ("--scope", scope))]) == 0
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {capsys.readouterr().out.strip()}"
    return session


@pytest.fixture
def jobs(stage: Stage) -> dict[str, list[int]]:
    """Ids to ask for: of jobs that ended, of others, and of the schedules' runs."""
    server, worker = stage.server, Session(stage.db)
    ended = enqueue(server, *[job() for _ in range(20)])
    for item in worker.claim(20):
        worker.exchange(done=[done(item, {"a": 1})])
    others = enqueue(server, *[job(delay=3600) for _ in range(20)], *[job(lock="x") for _ in range(20)])
    return {"ended": ended, "others": [*others, 2**62], "runs": make_schedules(stage)}


def make_schedules(stage: Stage) -> list[int]:
    """s0, s1, … with a run each; the runs' ids."""
    definition = json.dumps(EVERY_MINUTE)
    request = json.dumps({"actor": "tests", "reason": "tests"})
    put = """select server_api.put_schedule('s' || n, %s, 0, 'tests', null, null)
               from generate_series(0, %s) as n"""
    stage.server.execute(put, [definition, SCHEDULES - 1])
    ask = (
        "select server_api.request_run('s' || n, %s) ->> 'run_id' from generate_series(0, %s) as n order by n"
    )
    return [int(row[0]) for row in stage.server.execute(ask, [request, SCHEDULES - 1])]


def aim(case: Case, data: st.DataObject, jobs: dict[str, list[int]]) -> None:
    """Often at something that exists; never at a stream that stays open."""
    streams = case.path.endswith("/events")
    if streams and isinstance(case.query, MutableMapping):
        case.query.pop("token", None)  # one that nobody signed is a 401, whatever key is beside it
    ids = jobs["ended"] if streams else [*jobs["ended"], *jobs["others"]]
    if "job_id" in case.path_parameters and (streams or data.draw(st.booleans())):
        case.path_parameters["job_id"] = data.draw(st.sampled_from(ids))
    if "name" in case.path_parameters and data.draw(st.booleans()):
        case.path_parameters["name"] = "echo"
    if data.draw(st.booleans()):
        for one in tasks_of(case.body):
            one["task"] = "echo"
    if case.path.startswith("/v1/schedules") and data.draw(st.booleans()):
        aim_at_schedule(case, data.draw(st.integers(0, SCHEDULES - 1)), jobs["runs"])


def aim_at_schedule(case: Case, n: int, runs: list[int]) -> None:
    """What no schema says: a cron that is one, a task that is published, times in order, an ETag."""
    for part, name, value in (
        (case.path_parameters, "name", f"s{n}"),
        (case.path_parameters, "run_id", runs[n]),
        (case.body, "from", "2026-01-01T00:00:00Z"),
        (case.body, "to", "2026-01-01T00:01:00Z"),
        (case.body, "args", {}),
        (case.body, "reason", "tests"),
        (case.headers, "If-Match", "*"),
    ):
        if isinstance(part, MutableMapping) and name in part:
            part[name] = value
    for name in ("from", "to", "cursor"):
        (case.query or {}).pop(name, None)
    (case.headers or {}).pop("If-None-Match", None)
    if isinstance(case.body, dict) and not case.path.endswith(VERBS):
        for name in ("cron", "at", "start", "end", "timezone"):
            case.body.pop(name, None)
        case.body.update(EVERY_MINUTE)


def shorten(case: Case) -> None:
    """What would be waited for; what is no such number has to be refused as it is."""
    with contextlib.suppress(TypeError, ValueError):
        if case.query and float(case.query.get("wait", "none")) >= 0:
            case.query["wait"] = LONGEST


def tasks_of(body: Any) -> list[dict[str, Any]]:
    """The jobs in a body that names tasks, whatever else it is."""
    listed = body.get("jobs", [body]) if isinstance(body, dict) else []
    return (
        [one for one in listed if isinstance(one, dict) and "task" in one] if isinstance(listed, list) else []
    )


def explore(url: str, client: requests.Session, jobs: dict[str, list[int]], **options: Any) -> Seen:
    """Every operation with what fits and with what does not; the statuses that each gave."""
    seen: Seen = {}
    for found in schemathesis.openapi.from_url(f"{url}/openapi.json").get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()

        def ask(case: Case, data: st.DataObject, checks: list[Any]) -> None:
            if checks is CHECKS:
                aim(case, data, jobs)
            shorten(case)
            answer = case.call(base_url=url, session=client, timeout=20)
            if len(str(answer.request.url)) > LONGEST_URL:
                return  # refused before there is a route: tests/api/test_limits.py
            # An empty list as a parameter is no parameter: what is lost on the way cannot be refused.
            whole = set(case.query or ()) <= set(parse_qs(urlsplit(str(answer.request.url)).query, True))
            case.validate_response(answer, checks=checks if whole else CHECKS)
            seen.setdefault((case.method, case.path), set()).add(answer.status_code)

        exercise(operation.as_strategy(generation_mode=POSITIVE), ask, CHECKS, options)
        if operation.path.endswith("/events"):
            continue  # what is wrong but for the key, which is always sent, would open a stream
        # Where nothing can be wrong, nothing is tried.
        with contextlib.suppress(Unsatisfiable):
            exercise(operation.as_strategy(generation_mode=NEGATIVE), ask, REFUSALS, options)
    return seen


def exercise(cases: Any, ask: Any, checks: list[Any], options: dict[str, Any]) -> None:
    @settings(database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), **options)
    @given(case=cases, data=st.data())
    def one(case: Case, data: st.DataObject) -> None:
        ask(case, data, checks)

    one()


def prove(seen: Seen, missed: int = 0) -> None:
    """It came far enough to mean something: every route was asked, and those of jobs and schedules worked.

    `missed`: of how many of them no example may have fitted.
    """
    asked = {(route.method, route.path) for route in ROUTES if route.path != "/openapi.json"}
    assert set(seen) == asked
    for operation, statuses in seen.items():
        assert max(statuses) < 500, operation
    reached = {
        operation: min(found)
        for operation, found in seen.items()
        if operation[1].startswith(("/v1/jobs", "/v1/schedules"))
    }
    short = {operation: best for operation, best in reached.items() if best >= 300}
    assert len(short) <= missed, short


@pytest.mark.timeout(300)
def test_every_answer_is_documented(url: str, client: requests.Session, jobs: dict[str, list[int]]) -> None:
    prove(explore(url, client, jobs, max_examples=6, derandomize=True), missed=4)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_every_answer_is_documented_for_long(
    url: str, client: requests.Session, jobs: dict[str, list[int]]
) -> None:
    prove(explore(url, client, jobs, max_examples=300))
