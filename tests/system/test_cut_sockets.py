"""The socket cut before the server reads, while it works, and after the commit before the answer."""

import itertools
import random
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.support.processes import Process
from tests.support.proxy import Moment, Proxy
from tests.support.stage import Stage, settled_once

MOMENTS: tuple[Moment, ...] = ("before", "after", "during")
BACKLOG = 100


@pytest.fixture
def proxy(stage: Stage) -> Iterator[Proxy]:
    with Proxy(stage.db.server.port) as proxy:
        yield proxy


def proxied_worker(stage: Stage, proxy: Proxy, *options: str) -> Process:
    """Its database is behind the proxy."""
    worker = stage.processes.worker(proxy.dsn(stage.db.dsn("worker")), *options)
    stage.until(lambda: stage.sessions(worker), say=lambda: "the worker opens no session")
    return worker


def cut_once(stage: Stage, proxy: Proxy, moment: Moment) -> None:
    """In the midst of work: with a backlog, so that exchanges carry results and claims."""
    if stage.ready() < BACKLOG:
        stage.enqueue_many(naps(BACKLOG))
    exchanges, cuts = proxy.exchanges, proxy.cuts
    stage.until(lambda: proxy.exchanges > exchanges + 1, say=lambda: "the worker doesn't come back")
    proxy.cut(moment)
    stage.until(lambda: proxy.cuts > cuts, say=lambda: f"no exchange to cut {moment}")


def naps(count: int) -> Iterator[dict[str, Any]]:
    for _ in range(count):
        yield {"task": "sample.nap", "args": {"seconds": random.uniform(0, 0.02)}}


def cut_under_load(stage: Stage, proxy: Proxy, moments: Iterable[Moment]) -> None:
    worker = proxied_worker(stage, proxy, "-c", "10")
    for moment in moments:
        cut_once(stage, proxy, moment)
    assert stage.all_ended(30).keys() == {"succeeded"}
    settled_once(stage)
    # A claim whose answer was lost was given back: nothing ran twice, nothing counts as a crash.
    assert stage.rows("select 1 from server_api.job where attempts <> 1 or crashes > 0") == []
    assert stage.late_results() == []
    assert [session["state"] for session in stage.sessions(worker)] == ["live"]
    assert worker.stop() == 0, worker.output()


@pytest.mark.pg15(soak=True)
def test_cut_again_and_again(stage: Stage, proxy: Proxy) -> None:
    cut_under_load(stage, proxy, MOMENTS * 7)


@pytest.mark.parametrize("moment", MOMENTS)
def test_running_jobs_survive_a_cut(stage: Stage, proxy: Proxy, moment: Moment) -> None:
    """A cut heartbeat: the session is resumed and what runs goes on in it."""
    worker = proxied_worker(stage, proxy, "-c", "3")
    jobs = stage.enqueue_many([{"task": "sample.nap", "args": {"seconds": 1.5}}] * 3)
    stage.is_running(*jobs)
    proxy.cut(moment)
    stage.until(lambda: proxy.cuts == 1)
    assert stage.all_ended() == {"succeeded": 3}
    assert [len(stage.attempts(job)) for job in jobs] == [1, 1, 1]
    assert len(stage.sessions(worker)) == 1


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_thousand_cuts(stage: Stage, proxy: Proxy, moment: Moment) -> None:
    cut_under_load(stage, proxy, itertools.repeat(moment, 1000))
