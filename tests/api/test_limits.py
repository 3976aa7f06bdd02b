"""What a request may be: rate, size, count, depth, time; each at its edge and one beyond."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest

from app.http import main, requests
from tests.api.conftest import Api, Reply, Running, until
from tests.support.cluster import Database

ECHO = {"task": "echo"}
HOUR = 1 / 3600


async def test_a_key_over_its_rate_hears_when_to_come_back(api: Api) -> None:
    token = await api.make_key("slow", "jobs:read", "jobs:write", rate=HOUR, burst=3)
    for _ in range(3):
        assert (await api.get("/v1/jobs", key=token)).status == 200
    for method, path, body in (
        ("GET", "/v1/jobs", None),
        ("POST", "/v1/jobs", ECHO),
        ("GET", "/v1/nothing", None),
    ):
        reply = await api.call(method, path, body, key=token)
        if path == "/v1/nothing":
            assert reply.status == 404
        else:
            assert (reply.status, reply.slug) == (429, "rate-limited")
            assert 3590 <= int(reply.headers["Retry-After"]) <= 3600
    assert (await api.get("/v1/jobs")).status == 200, "another key's rate is its own"


async def test_after_retry_after_it_passes(api: Api) -> None:
    token = await api.make_key("brisk", "jobs:read", rate=2.0, burst=1)
    assert (await api.get("/v1/jobs", key=token)).status == 200
    refused = await api.get("/v1/jobs", key=token)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")

    async def passes() -> bool:
        return (await api.get("/v1/jobs", key=token)).status == 200

    await until(passes, 5)


async def test_what_a_scope_refuses_counts_too(api: Api) -> None:
    token = await api.make_key("curious", "jobs:read", rate=HOUR, burst=2)
    said = [(await api.post("/v1/jobs", ECHO, key=token)).slug for _ in range(3)]
    assert said == ["missing-scope", "missing-scope", "rate-limited"]


async def test_each_job_of_a_batch_counts(api: Api) -> None:
    token = await api.make_key("bulk", "jobs:write", rate=HOUR, burst=100)
    batch = {"jobs": [ECHO] * 60}
    assert (await api.post("/v1/jobs:batch", batch, key=token)).status == 201
    assert (await api.post("/v1/jobs:batch", batch, key=token)).status == 201, "what is beyond is a debt"
    reply = await api.post("/v1/jobs", ECHO, key=token)
    assert (reply.status, round(int(reply.headers["Retry-After"]) / 3600)) == (429, 21)


async def test_a_batch_is_counted_once_it_is_read(api: Api) -> None:
    """Requests that arrived together cannot all borrow."""
    token = await api.make_key("bulk", "jobs:write", rate=HOUR, burst=100)
    batch = {"jobs": [ECHO] * 1000}
    replies = await asyncio.gather(*(api.post("/v1/jobs:batch", batch, key=token) for _ in range(8)))
    assert sorted({reply.status for reply in replies}) == [201, 429]
    assert sum(reply.status == 201 for reply in replies) == 1


async def test_the_rate_survives_a_change_of_other_keys(api: Api) -> None:
    token = await api.make_key("slow", "jobs:read", rate=HOUR, burst=1)
    assert (await api.get("/v1/jobs", key=token)).status == 200
    await api.make_key("another", "jobs:read")
    assert (await api.get("/v1/jobs", key=token)).status == 429


async def test_the_processs_default(db: Database) -> None:
    async with Running(db, rate_limit=HOUR, rate_burst=20) as api:
        free = await api.make_key("free", "jobs:read", rate=float("inf"))
        token = await api.make_key("plain", "jobs:read")
        assert [(await api.get("/v1/jobs", key=token)).status for _ in range(21)] == [200] * 20 + [429]
        assert {(await api.get("/v1/jobs", key=free)).status for _ in range(25)} == {200}
        assert {(await api.get("/livez", key=None)).status for _ in range(25)} == {200}


async def test_rates_that_are_none(api: Api) -> None:
    for rate, burst in ((0.0, None), (-1.0, None), (float("nan"), None), (1.0, 0)):
        with pytest.raises(Exception, match="more than nothing"):
            await api.make_key("x", "jobs:read", rate=rate, burst=burst)


# --- size ---------------------------------------------------------------------------------------------------


def sized(size: int) -> bytes:
    """A body of exactly this many bytes; the white space is what makes it up."""
    return json.dumps(ECHO).encode().ljust(size)


def batch_of(size: int) -> bytes:
    return json.dumps({"jobs": [ECHO]}).encode().ljust(size)


async def in_chunks(api: Api, path: str, body: bytes) -> Reply:
    """Without a Content-Length."""

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    headers = {"Authorization": f"Bearer {api.key}"}
    async with api.http.post(api.server.make_url(path), data=chunks(), headers=headers) as answer:
        return Reply(answer.status, await answer.json(content_type=None), answer.headers)


@pytest.mark.parametrize(
    ("path", "make", "limit"),
    [("/v1/jobs", sized, requests.SINGLE_BYTES), ("/v1/jobs:batch", batch_of, requests.BATCH_BYTES)],
)
async def test_bodies_at_their_limit(api: Api, path: str, make: Any, limit: int) -> None:
    """Told by Content-Length or in chunks: the same edge."""
    for size, status in ((limit, 201), (limit + 1, 422)):
        body = make(size)
        plain = await api.post(path, body)
        chunked = await in_chunks(api, path, body)
        assert [plain.status, chunked.status] == [status] * 2
        if status == 422:
            assert {reply.slug for reply in (plain, chunked)} == {"body-too-large"}


async def test_the_most_jobs_of_a_batch(api: Api) -> None:
    for count, status in ((0, 422), (10_000, 201), (10_001, 422)):
        reply = await api.post("/v1/jobs:batch", {"jobs": [ECHO] * count})
        assert reply.status == status, count


async def test_nothing_is_unpacked(api: Api) -> None:
    """So there is no bomb, and broken ones break nothing; with or without a key."""
    bomb = gzip.compress(b" " * 64 * 1024 * 1024)
    packed = gzip.compress(json.dumps(ECHO).encode())
    for encoding in ("gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip", "nonsense"):
        for body in (packed, packed[:-9], b"no gzip", bomb):
            for path in ("/v1/jobs", "/v1/jobs:batch", "/v1/jobs/1/cancel"):
                reply = await api.post(path, body, Content_Encoding=encoding)
                assert (reply.status, reply.slug) == (415, "body-encoded")
                assert reply.headers["Accept-Encoding"] == "identity"
            assert (await api.post("/v1/jobs", body, key=None, Content_Encoding=encoding)).status == 401
    assert (await api.post("/v1/jobs", ECHO, Content_Encoding="identity")).status == 201


async def test_how_long_a_url_and_its_headers_may_be(api: Api) -> None:
    def url(length: int) -> str:
        return "/livez?" + "x" * (length - len("/livez?"))

    assert (await api.get(url(8190))).status == 422, "an unknown parameter, but it was read"
    assert (await api.get(url(9000))).status == 400
    assert (await api.get("/livez", X="x" * 8000)).status == 200
    assert (await api.get("/livez", X="x" * 9000)).status == 400
    assert (await api.get("/livez", **{f"X{n}": "x" for n in range(100)})).status == 200
    assert (await api.get("/livez", **{f"X{n}": "x" for n in range(200)})).status == 400


# --- time ---------------------------------------------------------------------------------------------------


class Wire:
    """A client that says what it likes, as slowly as it likes."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def __aenter__(self) -> Self:
        self.reader, self._writer = await asyncio.open_connection("127.0.0.1", self._api.server.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def say(self, text: bytes) -> None:
        self._writer.write(text)
        await self._writer.drain()

    async def post(self, headers: str, body: bytes, key: str | None = None) -> None:
        bearer = f"Authorization: Bearer {key or self._api.key}\r\n"
        await self.say(f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\n{bearer}{headers}\r\n".encode() + body)

    async def status(self) -> int:
        """0 is an end without an answer."""
        line = await self.reader.readline()
        return int(line.split()[1]) if line else 0


async def test_a_body_that_never_ends(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.2)
    async with Wire(api) as wire:
        await wire.post("Content-Length: 100\r\n", b'{"task"')
        assert await wire.status() == 408
    async with Wire(api) as wire:
        await wire.post("Transfer-Encoding: chunked\r\n", b'3\r\n{"t\r\n')
        assert await wire.status() == 408


async def test_a_body_without_a_key_is_not_waited_for(api: Api) -> None:
    async with Wire(api) as wire:
        await wire.post(f"Content-Length: {requests.BATCH_BYTES}\r\n", b"{", key="ow_unknown")
        assert await wire.status() == 401


WRONG_CHUNKS = [
    b"zz\r\n{}\r\n0\r\n\r\n",
    b"-1\r\n{}\r\n0\r\n\r\n",
    b"2\r\n{}xx\r\n0\r\n\r\n",
    b"f" * 40 + b"\r\n",
]
AMBIGUOUS = [
    "Content-Length: 2\r\nContent-Length: 3\r\n",
    "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
    "Content-Length: +2\r\n",
    "Content-Length: 2 2\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Transfer-Encoding: chunked, identity\r\n",
    " Folded: x\r\n",
    "Nul: \0\r\n",
    "Bare: \r x\r\n",
    "Sp ace: x\r\n",
]


async def test_chunks_that_are_none(api: Api) -> None:
    for body in WRONG_CHUNKS:
        async with Wire(api) as wire, asyncio.timeout(20):
            await wire.post("Transfer-Encoding: chunked\r\n", body)
            assert await wire.status() in (0, 400), body
    assert (await api.get("/livez")).status == 200


async def test_requests_that_two_could_read_in_two_ways(api: Api) -> None:
    """Smuggling: what stands behind a proxy must not be read as another request."""
    for headers in AMBIGUOUS:
        async with Wire(api) as wire, asyncio.timeout(20):
            await wire.post(headers, b"{}GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await wire.status() == 400, headers
            assert b"alive" not in await wire.reader.read(), headers


async def test_a_silent_connection_is_closed(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a request, in the middle of its head, and after one."""
    monkeypatch.setitem(main.SERVER, "keepalive_timeout", 0.2)
    async with Running(db) as api:
        for begun in (
            b"",
            b"GET /li",
            b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ",
            b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            async with Wire(api) as wire, asyncio.timeout(20):
                await wire.say(begun)
                answer = await wire.reader.read()
                assert (b"alive" in answer) == begun.endswith(b"\r\n\r\n")


async def test_many_silent_connections_keep_nobody_out(api: Api) -> None:
    wires = [await asyncio.open_connection("127.0.0.1", api.server.port) for _ in range(300)]
    try:
        for _, writer in wires:
            writer.write(b"POST /v1/jobs HTTP/1.1\r\nContent-Length: 9\r\n")
        assert (await api.post("/v1/jobs", ECHO)).status == 201
    finally:
        for _, writer in wires:
            writer.close()
