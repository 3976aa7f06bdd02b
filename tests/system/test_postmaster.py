"""kill -9 of the postmaster while requests come in: whatever was acknowledged is there afterwards."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout

from devstack import ports
from devstack.postgres import wait_for
from tests.support.cluster import Database, Server, clone
from tests.support.processes import ONEWRITER, TASKS, Processes, run
from tests.support.stage import ENDED, Stage

CLIENTS = 8
# From the moment that the server accepts connections again, on a machine that runs other tests as well.
BACK_WITHIN = 20.0
# Seconds: how long a client waits for an answer, and before it asks again.
PATIENCE, PAUSE = 5.0, 0.05


@pytest.fixture
def durable(own_cluster: Any) -> Iterator[Database]:
    _, server = own_cluster
    with clone(server, "kill_postmaster") as database:
        yield database


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with Processes(tmp_path) as processes:
        yield processes


class Load:
    """Clients of the API that go on whatever it answers; keeps every id that was acknowledged."""

    def __init__(self, http: ClientSession) -> None:
        self._http = http
        self.acknowledged: list[int] = []
        self.refused = 0
        self.stopping = False

    async def client(self) -> None:
        while not self.stopping:
            job = {"task": "sample.add", "args": {"a": len(self.acknowledged)}}
            try:
                async with self._http.post("/v1/jobs", json=job) as answer:
                    body = await answer.json(content_type=None)
            except (ClientError, TimeoutError):
                await self._step_back()
                continue
            if answer.status == 201:
                self.acknowledged.append(body["id"])
            else:
                assert answer.status == 503, body
                assert "Retry-After" in answer.headers
                await self._step_back()

    async def _step_back(self) -> None:
        """Eight clients that ask again at once would keep the server from coming back."""
        self.refused += 1
        await asyncio.sleep(PAUSE)

    async def reaches(self, count: int, timeout: float = 20) -> None:
        async with asyncio.timeout(timeout):
            while len(self.acknowledged) < count:  # noqa: ASYNC110 (counted by other tasks of this loop)
                await asyncio.sleep(0.01)


def published(database: Database) -> str:
    """The catalogue is stored and a key made, as an operator does; the key."""
    environ = {"ONEWRITER_DATABASE_URL": database.dsn("server")}
    catalogue = run([ONEWRITER[0], "-m", "worker.catalogue"], ONEWRITER_TASKS=TASKS)
    run([*ONEWRITER, "tasks", "publish", "-", "--source", "tests"], given=catalogue, **environ)
    key = run(
        [*ONEWRITER, "keys", "create", "load", "--scope", "jobs:write", "--scope", "jobs:read"], **environ
    )
    return key.strip()


@pytest.mark.timeout(180)
async def test_every_acknowledged_job_survives(
    own_cluster: tuple[Any, Server], durable: Database, processes: Processes
) -> None:
    cluster, server = own_cluster
    key = published(durable)
    stage = Stage(durable, processes)
    url = await asyncio.to_thread(stage.api)
    worker = await asyncio.to_thread(stage.worker, "-c", "10")
    await asyncio.to_thread(stage.scheduler)
    headers = {"Authorization": f"Bearer {key}"}
    async with ClientSession(url, headers=headers, timeout=ClientTimeout(total=PATIENCE)) as http:
        load = Load(http)
        clients = [asyncio.create_task(load.client()) for _ in range(CLIENTS)]
        await load.reaches(500)
        os.kill(cluster.pid(), signal.SIGKILL)
        # Its backends hold the port until they notice.
        assert await asyncio.to_thread(wait_for, lambda: ports.is_free(server.port), 20)
        before = len(load.acknowledged)
        assert await asyncio.to_thread(cluster.start, server.port) == server.port
        back = monotonic()
        await load.reaches(before + 200, BACK_WITHIN)
        load.stopping = True
        await asyncio.gather(*clients)
    durable.close()
    stage = Stage(durable, processes)
    stage.until(lambda: succeeded_since(stage, before), BACK_WITHIN - (monotonic() - back))
    stage.until(lambda: not set(stage.statuses()) - set(ENDED), 40)
    there = {row["id"]: row["status"] for row in stage.rows("select id, status from server_api.job")}
    assert {there.get(job) for job in load.acknowledged} == {"succeeded"}
    assert worker.stop() == 0


def succeeded_since(stage: Stage, before: int) -> bool:
    """The worker works again: more jobs have ended than there were at the kill."""
    return stage.statuses().get("succeeded", 0) > before
