"""Streams that hostile clients open, on a real API: garbage for an id, many at once, some that never read."""

import asyncio
import re
import socket
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from tests.support.protocol import Session, done, enqueue, job, note
from tests.support.stage import Stage
from tests.system.conftest import Cli

GARBAGE = [
    "999999999-1",
    "9999999999-1",
    "-1--1",
    "1" * 5000,
    "1-1\x00",
    "\u0663-\u0663",
    "1e9-1",
    "'; select 1",
]
# Each could have 8 MB waiting.
DEAF, NOTES, SIZE = 60, 200, 40_000


@pytest.fixture
def key(cli: Cli) -> str:
    found = re.search(r"ow_\S+", cli("keys", "create", "reader", "--scope", "jobs:read")[1])
    assert found
    return found[0]


class Talker:
    """A job that runs and has said so much."""

    def __init__(self, stage: Stage, notes: int, size: int) -> None:
        enqueue(stage.server, job())
        self._session = Session(stage.db, lease=300)
        (self._held,) = self._session.claim()
        self.path = f"/v1/jobs/{self._held['id']}/events"
        for first in range(1, notes + 1, 50):
            said = [note(self._held, n, "x" * size) for n in range(first, min(first + 50, notes + 1))]
            self._session.exchange(notes={"notes": said})

    def end(self) -> None:
        self._session.exchange(done=[done(self._held)])


def memory(pid: int) -> int:
    """Bytes that a process has in memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


async def test_garbage_for_an_id_skips_nothing(stage: Stage, key: str) -> None:
    """In a query it is refused, or is an id from elsewhere."""
    path = Talker(stage, 2, 1).path
    url = await asyncio.to_thread(stage.api)
    async with ClientSession(url, headers={"Authorization": f"Bearer {key}"}) as http:
        for text in GARBAGE:
            async with http.get(f"{path}?last_event_id={quote(text)}") as answer:
                assert answer.status == (200 if text == GARBAGE[0] else 422), text
        async with http.get(path, headers={"Last-Event-ID": "9" * 5000}) as answer:
            await answer.content.readuntil(b"event: chunk\r\n")


async def test_clients_that_never_read_take_little_memory(stage: Stage, key: str) -> None:
    path = Talker(stage, NOTES, SIZE).path
    url = await asyncio.to_thread(stage.api)
    api, before = stage.processes.started[-1], memory(stage.processes.started[-1].pid)
    where = urlsplit(url)
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: here",
        f"Authorization: Bearer {key}",
        "Accept: application/x-ndjson",
    ]
    deaf = []
    for _ in range(DEAF):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.connect((where.hostname, where.port))
        sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        deaf.append(sock)
    for sock in deaf:  # each has begun, and hears no more than this
        assert (await asyncio.to_thread(sock.recv, 12)).startswith(b"HTTP/1.1 200")
    async with ClientSession(url, headers={"Authorization": f"Bearer {key}"}) as http:
        for _ in range(20):
            async with http.get("/v1/jobs") as answer:
                assert answer.status == 200
    taken = memory(api.pid) - before
    assert taken < DEAF * NOTES * SIZE / 3, taken
    for sock in deaf:
        sock.close()


@pytest.mark.soak
@pytest.mark.parametrize("many", [500])
async def test_many_streams_at_once_all_hear_the_end(stage: Stage, key: str, many: int) -> None:
    talker = Talker(stage, 3, 10)
    url = await asyncio.to_thread(stage.api)
    begun = asyncio.Semaphore(0)

    async def listen(http: ClientSession) -> int:
        async with http.get(talker.path) as answer:
            assert answer.status == 200
            begun.release()
            return (await answer.read()).count(b"event: end")

    everybody = TCPConnector(limit=0)
    headers, patience = {"Authorization": f"Bearer {key}"}, ClientTimeout(total=90)
    async with ClientSession(url, headers=headers, connector=everybody, timeout=patience) as http:
        listeners = [asyncio.create_task(listen(http)) for _ in range(many)]
        for _ in range(many):
            await begun.acquire()
        talker.end()
        stage.notify(["ow_job"])
        assert await asyncio.gather(*listeners) == [1] * many
