"""What a request may be: rate, size, count, depth, time; each at its edge and one beyond."""

import asyncio
import gzip
import json
import resource
import zlib
from typing import Any

import pytest
from aiohttp import web

from app.http import main, requests
from app.settings import Settings
from tests.api.conftest import Api, Running, until
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
    assert (reply.status, int(reply.headers["Retry-After"]) // 3600) == (429, 20)


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


# --- size ----------------------------------------------------------------------------------------------------


def sized(size: int) -> bytes:
    """A body of exactly this many bytes; the white space is what makes it up."""
    return json.dumps(ECHO).encode().ljust(size)


def batch_of(size: int) -> bytes:
    return json.dumps({"jobs": [ECHO]}).encode().ljust(size)


@pytest.mark.parametrize(
    ("path", "make", "limit"),
    [("/v1/jobs", sized, requests.SINGLE_BYTES), ("/v1/jobs:batch", batch_of, requests.BATCH_BYTES)],
)
async def test_bodies_at_their_limit(api: Api, path: str, make: Any, limit: int) -> None:
    """Told by Content-Length, in chunks, and compressed: the same edge."""
    for size, status in ((limit, 201), (limit + 1, 422)):
        body = make(size)
        plain = await api.post(path, body)
        chunked = await api.post(path, body, Transfer_Encoding="chunked")
        packed = await api.post(path, gzip.compress(body), Content_Encoding="gzip")
        assert [reply.status for reply in (plain, chunked, packed)] == [status] * 3
        if status == 422:
            assert {reply.slug for reply in (plain, chunked, packed)} == {"body-too-large"}


async def test_the_most_jobs_of_a_batch(api: Api) -> None:
    for count, status in ((0, 422), (10_000, 201), (10_001, 422)):
        reply = await api.post("/v1/jobs:batch", {"jobs": [ECHO] * count})
        assert reply.status == status, count


async def test_a_bomb_does_not_go_off(api: Api) -> None:
    """A gigabyte in a megabyte: it is refused where the limit is, not when it is unpacked."""
    packer, parts = zlib.compressobj(9, zlib.DEFLATED, 31), []
    for _ in range(1024):
        parts.append(packer.compress(b" " * 1024 * 1024))
    bomb = b"".join([*parts, packer.flush()])
    assert len(bomb) < 2 * 1024 * 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in ("/v1/jobs", "/v1/jobs:batch"):
        reply = await api.post(path, bomb[: requests.SINGLE_BYTES], Content_Encoding="gzip")
        assert (reply.status, reply.slug) == (422, "body-too-large")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200 * 1024, f"{grown} KiB"


async def test_bodies_that_are_not_what_they_say(api: Api) -> None:
    packed = gzip.compress(json.dumps(ECHO).encode())
    assert (await api.post("/v1/jobs", packed, Content_Encoding="gzip")).status == 201
    assert (
        await api.post("/v1/jobs", zlib.compress(json.dumps(ECHO).encode()), Content_Encoding="deflate")
    ).status == 201
    for body in (b"no gzip", packed[:-9], packed[:5], b"\x1f\x8b" * 50):
        reply = await api.post("/v1/jobs", body, Content_Encoding="gzip")
        assert (reply.status, reply.slug) == (400, "malformed-json"), body
