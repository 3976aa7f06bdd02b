"""…/events and …/notes: what running jobs say reaches every listener once and in order."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from app.queries import notes as queries
from tests.api.conftest import Api, until
from tests.support.protocol import Session, done, note, progress, retry

NDJSON = "application/x-ndjson"
Event = dict[str, Any]


@pytest.fixture(autouse=True)
def _only_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks without a signal here: a lost one makes a test run into its time limit."""
    monkeypatch.setattr("app.http.hubs.RELOOK", 3600.0)


class Talker:
    """A job that runs, and what it says."""

    def __init__(self, api: Api, job_id: int, session: Session) -> None:
        self.api = api
        self.id = job_id
        self.session = session
        self.job: dict[str, Any] = {}
        self._seq = 0

    async def start(self) -> None:
        (self.job,) = self.session.claim()
        self._seq = 0
        await self._exchange(notes={"started": [[self.id, self.job["claim_no"]]]})
        await self.api.notify("ow_job")  # nobody does: that a run has begun is found out by looking again

    async def say(self, *data: Any, kind: str = "chunk") -> None:
        said = [note(self.job, self._seq + n, each, kind) for n, each in enumerate(data, 1)]
        self._seq += len(data)
        await self._exchange(notes={"notes": said})

    async def progress(self, **value: Any) -> None:
        await self._exchange(notes={"progress": [progress(self.job, **value)]})

    async def end(self, result: Any = None, how: str = "succeeded", **failure: Any) -> None:
        await self._exchange(done=[done(self.job, result, how, **failure)])

    async def retry(self) -> None:
        await self._exchange(retry=[retry(self.job, 0.0)])

    async def _exchange(self, **what: Any) -> None:
        answer = self.session.exchange(**what)
        await self.api.notify(*answer.get("wake", []))


@pytest.fixture
async def talker(api: Api) -> Talker:
    """A job that has started."""
    talker = Talker(api, await api.enqueue(), api.session())
    await talker.start()
    return talker


class Listener:
    """A client of a stream that keeps what it has got."""

    def __init__(self, api: Api, job_id: int, last_id: str | None = None, query: str = "") -> None:
        self.events: list[Event] = []
        self.status = 0
        self._task = asyncio.create_task(self._listen(api, job_id, last_id, query))

    async def _listen(self, api: Api, job_id: int, last_id: str | None, query: str) -> None:
        headers = {"Authorization": f"Bearer {api.key}"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        url = api.server.make_url(f"/v1/jobs/{job_id}/events{query}")
        async with api.http.get(url, headers=headers) as answer:
            self.status = answer.status
            async for event in read_events(answer):
                self.events.append(event)

    @property
    def last_id(self) -> str:
        return str(self.events[-1]["id"])

    def data(self, kind: str) -> list[Any]:
        return [event["data"] for event in self.events if event["event"] == kind]

    async def until(self, count: int) -> None:
        await until(lambda: len(self.events) >= count or self._task.done())
        assert len(self.events) >= count

    async def ended(self) -> list[str]:
        """The kinds of all its events, once the server has ended the stream."""
        async with asyncio.timeout(20):
            await self._task
        return [event["event"] for event in self.events]

    async def leave(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def read_events(answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    event: Event = {}
    async for line in answer.content:
        text = line.decode().rstrip("\r\n")
        if text and not text.startswith(":"):
            name, _, value = text.partition(": ")
            event[name] = json.loads(value) if name == "data" else value
        elif event:
            yield event
            event = {}


async def test_the_whole_way(api: Api) -> None:
    talker = Talker(api, await api.enqueue(), api.session())
    listener = Listener(api, talker.id)
    await listener.until(1)
    await talker.start()
    await listener.until(2)
    await talker.progress(current=1, total=2)
    await listener.until(3)
    await talker.say({"level": "info", "message": "half"}, kind="log")
    await talker.say("a", 7)
    await talker.end({"pages": 2})
    assert await listener.ended() == ["state", "state", "progress", "log", "chunk", "chunk", "state", "end"]
    assert [event["id"] for event in listener.events][-5:] == ["1-1", "1-2", "1-3", "1-3", "1-4"]
    assert [state["status"] for state in listener.data("state")] == ["ready", "running", "succeeded"]
    assert listener.data("state")[-1]["progress"] == {"current": 1, "total": 2}
    (said,) = listener.data("log")
    assert (said["level"], said["message"]) == ("info", "half")
    assert said["at"]
    assert listener.data("chunk") == ["a", 7]
    (end,) = listener.data("end")
    assert (end["status"], end["attempt"], end["result"]) == ("succeeded", 1, {"pages": 2})
    assert not api.services.hubs._hubs


async def test_resumes_anywhere_without_loss_or_doubling(api: Api, talker: Talker) -> None:
    for run in range(3):
        await talker.say(*[f"{run}-{n}" for n in range(4)])
        if run < 2:
            await talker.retry()
            await talker.start()
    await talker.end()
    whole = Listener(api, talker.id)
    await whole.ended()
    everything = whole.data("chunk")
    assert everything == [f"{run}-{n}" for run in range(3) for n in range(4)]
    got = [event for event in whole.events if event["event"] == "chunk"]
    for n, event in enumerate(got):
        listener = Listener(api, talker.id, event["id"])
        assert (await listener.ended())[-1] == "end"
        assert listener.data("chunk") == everything[n + 1 :]
    finished = Listener(api, talker.id, whole.last_id)
    await finished.ended()
    assert (finished.status, finished.events) == (204, [])


async def test_the_snapshot_promises_nothing_that_was_not_told(api: Api, talker: Talker) -> None:
    """Whoever loses the connection right behind it resumes with its id."""
    await talker.say("a", "b", "c")
    listener = Listener(api, talker.id)
    await listener.until(1)
    snapshot = listener.events[0]
    await listener.leave()
    assert (snapshot["event"], snapshot["id"]) == ("state", "0-0")
    again = Listener(api, talker.id, snapshot["id"])
    await until(lambda: again.data("chunk") == ["a", "b", "c"])
    await again.leave()


async def test_reconnects_in_the_middle(api: Api, talker: Talker) -> None:
    got: list[Any] = []
    last_id: str | None = None
    for run in range(3):
        for n in range(3):
            listener = Listener(api, talker.id, last_id)
            await listener.until(1)  # the snapshot
            await talker.say(f"{run}.{n}a", f"{run}.{n}b")
            await until(lambda here=listener: here.data("chunk") != [])  # type: ignore[misc]
            await listener.leave()
            got += listener.data("chunk")
            last_id = listener.last_id
        if run < 2:
            await talker.retry()
            await talker.start()
    await talker.end()
    rest = Listener(api, talker.id, last_id)
    await rest.ended()
    assert got + rest.data("chunk") == [f"{run}.{n}{x}" for run in range(3) for n in range(3) for x in "ab"]


async def test_a_retried_job_goes_on_in_the_same_stream(api: Api, talker: Talker) -> None:
    listener = Listener(api, talker.id)
    for run in range(1, 4):
        await talker.say(run)
        await until(lambda run=run: run in listener.data("chunk"))  # type: ignore[misc]
        if run < 3:
            await talker.retry()
            await talker.start()
    await talker.end()
    await listener.ended()
    assert [event["id"] for event in listener.events if event["event"] == "chunk"] == ["1-1", "2-1", "3-1"]
    assert listener.last_id == "3-2"


async def test_many_listeners_share_one_read(
    api: Api, talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talker.say("before")
    listeners = [Listener(api, talker.id) for _ in range(100)]
    for listener in listeners:
        await listener.until(2)
    reads = _counted(monkeypatch)
    for n in range(5):
        await talker.say(n)
        for listener in listeners:
            await listener.until(3 + n)
    await talker.end()
    for listener in listeners:
        await listener.ended()
        assert listener.data("chunk") == ["before", 0, 1, 2, 3, 4]
    assert reads["list_notes"] <= 6
    assert reads["get_stream"] <= 12  # a signal may come while one is being read


async def test_one_who_joins_late_reads_its_own_gap_once(
    api: Api, talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Listener(api, talker.id)
    await first.until(1)
    await talker.say(*range(250))
    await first.until(251)
    reads = _counted(monkeypatch)
    late = Listener(api, talker.id)
    await late.until(251)
    assert reads["list_notes"] == 2  # 250 are two pages
    await talker.say("more")
    await late.until(252)
    await first.until(252)
    assert reads["list_notes"] == 3  # the hub's, for both
    assert first.data("chunk") == late.data("chunk") == [*range(250), "more"]
    await talker.end()
    assert (await first.ended())[-1] == (await late.ended())[-1] == "end"


def _counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    reads = {"list_notes": 0, "get_stream": 0}

    def count(name: str) -> None:
        query = getattr(queries, name)

        async def counted(*args: Any, **given: Any) -> Any:
            reads[name] += 1
            return await query(*args, **given)

        monkeypatch.setattr(f"app.http.hub.{name}", counted)

    for name in reads:
        count(name)
    return reads


async def test_a_slow_reader_is_cut_off_and_resumes(
    api: Api, talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.http.hub.MOST_WAITING", 400_000)
    quick = Listener(api, talker.id)
    await quick.until(1)
    reader, writer = await asyncio.open_connection(sock=_narrow(api), limit=1024)
    writer.write(_request(api, talker.id))
    await reader.readuntil(b"event: state")
    await until(lambda: len(_followers(api, talker.id)) == 2)
    for n in range(40):
        await talker.say(*["x" * 60_000] * 5)
        await until(lambda n=n: len(quick.data("chunk")) == 5 * (n + 1))  # type: ignore[misc]
    assert len(_followers(api, talker.id)) == 1
    got = await _rest(reader)
    last_id = [line.split()[1].decode() for line in got.split(b"\r\n") if line.startswith(b"id: ")][-2]
    await talker.end()
    again = Listener(api, talker.id, last_id)
    await again.ended()
    seen = int(last_id.split("-")[1])
    assert 0 < seen < 200
    assert len(again.data("chunk")) == 200 - seen
    assert (await quick.ended()).count("chunk") == 200
    writer.close()


def _narrow(api: Api) -> socket.socket:
    """A connection that takes in little."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    sock.connect((api.server.host, api.server.port))
    sock.setblocking(False)
    return sock


def _request(api: Api, job_id: int) -> bytes:
    lines = [f"GET /v1/jobs/{job_id}/events HTTP/1.1", "Host: here", f"Authorization: Bearer {api.key}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    got = b""
    try:
        while part := await reader.read(65536):
            got += part
    except ConnectionResetError:
        pass
    return got


def _followers(api: Api, job_id: int) -> set[Any]:
    return api.services.hubs._hubs[job_id]._followers


async def test_lines_of_json(api: Api, talker: Talker) -> None:
    await talker.say({"level": "info", "message": "hi"}, kind="log")
    await talker.say([1, 2.50])
    await talker.end("done")
    headers = {"Authorization": f"Bearer {api.key}", "Accept": NDJSON}
    url = api.server.make_url(f"/v1/jobs/{talker.id}/events?last_event_id=1-1")
    async with api.http.get(url, headers=headers) as answer:
        assert answer.headers["Content-Type"] == NDJSON
        lines = [json.loads(line) async for line in answer.content if line.strip()]
    assert [(line["event"], line["id"]) for line in lines] == [
        ("state", "1-1"),
        ("chunk", "1-2"),
        ("end", "1-3"),
    ]
    assert lines[1]["data"] == [1, 2.5]
    assert lines[1]["at"]
    async with api.http.get(url.update_query(last_event_id="1-3"), headers=headers) as answer:
        assert answer.status == 204


async def test_only_the_kinds_that_were_asked_for(api: Api, talker: Talker) -> None:
    listener = Listener(api, talker.id, query="?kinds=chunk")
    await until(lambda: listener.status == 200)
    await talker.say({"level": "info", "message": "no"}, kind="log")
    await talker.say("yes")
    await talker.progress(current=1)
    await talker.end()
    assert await listener.ended() == ["chunk", "end"]
    refused = await api.get(f"/v1/jobs/{talker.id}/events?kinds=chunks")
    assert (refused.slug, refused.fields) == ("invalid-value", ["kinds"])


@pytest.mark.parametrize("last_id", ["from elsewhere", "7-1", "1-9", "-1", ""])
async def test_an_id_from_elsewhere_skips_nothing(api: Api, talker: Talker, last_id: str) -> None:
    await talker.say("a", "b")
    listener = Listener(api, talker.id, last_id)
    await until(lambda: len(listener.data("chunk")) == 2)
    await listener.leave()


async def test_whoever_got_only_the_snapshot_has_missed_nothing(api: Api, talker: Talker) -> None:
    await talker.say("a", "b", "c")
    first = Listener(api, talker.id, "1-1")
    await first.until(1)
    again = Listener(api, talker.id, first.events[0]["id"])
    await until(lambda: again.data("chunk") == ["b", "c"])
    await first.leave()
    await again.leave()


async def test_who_was_further_at_another_process_hears_nothing_twice(api: Api, talker: Talker) -> None:
    first = Listener(api, talker.id)
    await first.until(1)
    talker.session.exchange(
        notes={"notes": [note(talker.job, n, n) for n in (1, 2)]}
    )  # no signal: nobody looks
    late = Listener(api, talker.id, "1-1")
    await late.until(2)
    assert late.data("chunk") == [2]
    await first.until(3)
    assert first.data("chunk") == [1, 2]
    await late.leave()
    await first.leave()


async def test_a_job_that_ended_anew_is_told_anew(api: Api) -> None:
    job_id = await api.enqueue()
    await api.post(f"/v1/jobs/{job_id}/cancel")
    first = Listener(api, job_id)
    assert await first.ended() == ["state", "end"]
    assert first.last_id == "0-1"
    await api.post(f"/v1/jobs/{job_id}/retry")
    again = Listener(api, job_id, first.last_id)
    await again.until(1)
    talker = Talker(api, job_id, api.session())
    await talker.start()
    await talker.say("x")
    await talker.end()
    assert (await again.ended())[-3:] == ["chunk", "state", "end"]


async def test_streams_end_when_the_process_does(api: Api, talker: Talker) -> None:
    listener = Listener(api, talker.id)
    await listener.until(1)
    await api.server.app.shutdown()
    assert await listener.ended() == ["state"]


async def test_nobody_listens_and_nothing_is_lost(api: Api, talker: Talker) -> None:
    await talker.say(*range(50))
    await talker.end()
    assert (await Listener(api, talker.id).ended()).count("chunk") == 50
    page = (await api.get(f"/v1/jobs/{talker.id}/notes?limit=30")).body
    rest = (await api.get(f"/v1/jobs/{talker.id}/notes?after={page['next']}")).body
    assert [item["data"] for item in page["items"] + rest["items"]] == [*range(50)]
    assert (page["next"], rest["next"]) == ("1-30", None)


async def test_notes_of_one_kind(api: Api, talker: Talker) -> None:
    await talker.say({"level": "warning", "message": "w"}, kind="log")
    await talker.say("c")
    items = (await api.get(f"/v1/jobs/{talker.id}/notes?kind=log")).body["items"]
    assert [(item["id"], item["kind"], item["data"]["message"]) for item in items] == [("1-1", "log", "w")]


async def test_a_job_shows_its_progress(api: Api, talker: Talker) -> None:
    assert (await api.get(f"/v1/jobs/{talker.id}")).body["progress"] is None
    await talker.progress(current=3, total=4)
    assert (await api.get(f"/v1/jobs/{talker.id}")).body["progress"] == {"current": 3, "total": 4}


async def test_a_limited_key_hears_nothing_of_others(api: Api, talker: Talker) -> None:
    limited = await api.make_key("limited", "jobs:read", queues=["other"])
    for path in ("events", "notes"):
        reply = await api.get(f"/v1/jobs/{talker.id}/{path}", key=limited)
        assert (reply.status, reply.slug) == (404, "job-not-found")
    reply = await api.post(f"/v1/jobs/{talker.id}/events-token", key=limited)
    assert reply.slug == "job-not-found"


async def test_a_stream_ends_with_its_key(api: Api, talker: Talker) -> None:
    key = await api.make_key("short", "jobs:read")
    listening = asyncio.create_task(api.get(f"/v1/jobs/{talker.id}/events", key=key))
    await until(lambda: api.services.hubs._users == 1)
    api.db.connect("server").execute("select server_api.revoke_key('short', 'tests')")
    await until(lambda: api.services.keyring.peek() is None or len(api.services.keyring.peek() or {}) == 1)
    await talker.say("secret")
    reply = await listening
    assert b"event: state" in reply.body
    assert b"secret" not in reply.body
