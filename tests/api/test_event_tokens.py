"""…/events-token: what a browser's EventSource opens one job's stream with."""

import base64
import time

import pytest

from tests.api.conftest import Api, until
from tests.support.protocol import done

ORIGIN = "Access-Control-Allow-Origin"


async def finished(api: Api, **limits: str) -> int:
    job_id = await api.enqueue(**limits)
    session = api.session()
    session.exchange(done=[done(session.claim()[0], "result")])
    return job_id


async def token_of(api: Api, job_id: int, key: str = "", **body: int) -> str:
    reply = await api.post(f"/v1/jobs/{job_id}/events-token", body or None, key=key)
    assert reply.status == 201
    assert reply.headers["Cache-Control"] == "no-store"
    return str(reply.body["token"])


async def test_opens_the_stream_without_a_key_from_any_page(api: Api) -> None:
    job_id = await finished(api)
    token = await token_of(api, job_id)
    reply = await api.get(f"/v1/jobs/{job_id}/events?token={token}", key=None)
    assert (reply.status, reply.headers[ORIGIN]) == (200, "*")
    assert b"event: end" in reply.body
    seen = await api.get(f"/v1/jobs/{job_id}/events?token={token}", key=None, Last_Event_ID="1-1")
    assert (seen.status, seen.headers[ORIGIN]) == (204, "*")


async def test_opens_nothing_else(api: Api) -> None:
    first, second = await finished(api), await finished(api)
    token = await token_of(api, first)
    assert (await api.get(f"/v1/jobs/{second}/events?token={token}", key=None)).slug == "unauthenticated"
    for path in ("", "/notes", "/result", "/attempts"):
        reply = await api.get(f"/v1/jobs/{first}{path}?token={token}", key=None)
        assert reply.slug == "unauthenticated"
        assert ORIGIN not in reply.headers
    assert (await api.get(f"/v1/jobs/{first}", key=token)).slug == "unauthenticated"


async def test_ends_at_its_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = await finished(api)
    token = await token_of(api, job_id, seconds=60)
    path = f"/v1/jobs/{job_id}/events?token={token}"
    now = time.time()
    monkeypatch.setattr("app.http.event_tokens.time.time", lambda: now + 50)
    assert (await api.get(path, key=None)).status == 200
    monkeypatch.setattr("app.http.event_tokens.time.time", lambda: now + 70)
    reply = await api.get(path, key=None)
    assert (reply.status, reply.slug, reply.headers[ORIGIN]) == (401, "unauthenticated", "*")


async def test_ends_with_its_key(api: Api) -> None:
    job_id = await finished(api)
    token = await token_of(api, job_id, await api.make_key("short", "jobs:read"))
    path = f"/v1/jobs/{job_id}/events?token={token}"
    assert (await api.get(path, key=None)).status == 200
    api.db.connect("server").execute("select server_api.revoke_key('short', 'tests')")

    async def refused() -> bool:
        return (await api.get(path, key=None)).status == 401

    await until(refused)


async def test_has_the_limits_of_its_key(api: Api) -> None:
    job_id = await api.enqueue()
    reply = await api.post(f"/v1/jobs/{job_id}/events-token", key=await api.make_key("w", "jobs:write"))
    assert reply.slug == "missing-scope"
    limited = await api.make_key("limited", "jobs:read", queues=["other"])
    assert (await api.post(f"/v1/jobs/{job_id}/events-token", key=limited)).slug == "job-not-found"


async def test_cannot_be_forged(api: Api) -> None:
    first, second = await finished(api), await finished(api)
    data = base64.b64decode(await token_of(api, first), altchars=b"-_")
    forged = [
        data[:8] + second.to_bytes(8, "big") + data[16:],  # another job
        data[:16] + (2**40).to_bytes(8, "big") + data[24:],  # for ever
        (10**6).to_bytes(8, "big") + data[8:],  # another key
        data[:24] + bytes(32),
        data[:-1],
    ]
    tokens = [base64.urlsafe_b64encode(each).decode() for each in forged]
    for job_id in (first, second):
        for token in [*tokens, "x", "%C3%A4", ""]:
            reply = await api.get(f"/v1/jobs/{job_id}/events?token={token}", key=None)
            assert reply.slug == "unauthenticated"


@pytest.mark.parametrize("seconds", [0, 86_401])
async def test_lives_a_day_at_most(api: Api, seconds: int) -> None:
    reply = await api.post(f"/v1/jobs/{await api.enqueue()}/events-token", {"seconds": seconds})
    assert (reply.slug, reply.fields) == ("invalid-value", ["seconds"])
