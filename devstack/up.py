"""./dev up: every step says in one line what it found or did, and the last one is a real job."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from devstack import running, server
from devstack.errors import Stop
from devstack.http import Api
from devstack.stack import Stack
from devstack.state import LOGINS, State

INDENT = " " * 15
WIDTH = 60


def up(state: State) -> None:
    """Idempotent: a second one finds what runs."""
    state.make()
    step("postgres", lambda: server.start(state))
    stack = Stack(state, server.known(state))
    step("schema", lambda: make_schema(stack))
    step("catalogue", stack.publish)
    step("running", lambda: running.start_all(stack))
    ensure_key(stack)
    for line in first_job(api(stack)):
        print(line, flush=True)
    print(what_next(stack))


def step(name: str, work: Callable[[], str]) -> None:
    """Does it, then says so with the seconds it took."""
    began = time.monotonic()
    sentence = work()
    print(
        f" {name:<13} " + f"{sentence} ".ljust(WIDTH - 10, ".") + f" {time.monotonic() - began:.1f} s",
        flush=True,
    )


def make_schema(stack: Stack) -> str:
    server.ensure_database(stack.address)
    schema = stack.migrate()
    stack.make_logins()
    return f"{schema}, {len(LOGINS)} logins, {stack.harden()}"


def ensure_key(stack: Stack) -> None:
    """The key of an earlier run may have been revoked, or belong to data that is gone."""
    if stack.state.has_secret("api_key") and api(stack).status("/v1/tasks") == 200:
        return
    stack.make_key()


def api(stack: Stack) -> Api:
    return Api(stack.state.port("api") or 0, stack.key())


def first_job(api: Api) -> Iterator[str]:
    """From HTTP to HTTP: queued, claimed by a login that can't write, run, settled, read again."""
    url = f"{api.url}/problems"
    yield f" {'first job':<13} http.request GET {url}"
    began = time.monotonic()
    job = api.post("/v1/jobs", {"task": "http.request", "args": {"method": "GET", "url": url}})
    queued = time.monotonic() - began
    # A worker that was killed just now still owns a session: its lease has to end before the next one claims.
    outcome = api.get(f"/v1/jobs/{job['id']}/result?wait=30", timeout=40)
    if outcome.get("status") != "succeeded":
        error = str(outcome.get("error") or "no error").splitlines()[0]
        raise Stop(f"the first job is {outcome.get('status')} ({error}): ./dev logs worker")
    yield INDENT + describe(api.get(f"/v1/jobs/{job['id']}"), outcome["result"], queued)


def describe(job: dict[str, Any], result: dict[str, Any], queued: float) -> str:
    """The life of the first job, in milliseconds."""
    created, started, finished = (
        datetime.fromisoformat(job[f"{verb}_at"]) for verb in ("created", "started", "finished")
    )
    waited, ran = (started - created).total_seconds(), (finished - started).total_seconds()
    body = result["json"] if "json" in result else result.get("body", "")
    size = len(body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))) / 1000
    outcome = f"{result.get('status')} {'OK' if result.get('status') == 200 else ''}, {size:.0f} kB"
    began = f"queued {milliseconds(queued)} · started +{milliseconds(waited)}"
    return f"{began} · {outcome} · done +{milliseconds(ran)}"


def milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def what_next(stack: Stack) -> str:
    url, key = api(stack).url, stack.key()
    echo = '{"task":"echo","args":{"hello":"world"}}'
    return f"""
 API           {url}/           key  {key}
 Try           curl -H "Authorization: Bearer {key}" -d '{echo}' {url}/v1/jobs
{INDENT}./dev psql worker      and try to write something
{INDENT}./dev down"""
