"""A running API on a database of the test's own, with a catalogue and keys."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from yarl import URL

from app.commands.keys import create_key, hash_token
from app.commands.tasks import publish_tasks
from app.http.main import SERVER, make_app
from app.http.services import SERVICES, Services
from app.settings import Settings
from tests.support.cluster import Database
from tests.support.protocol import Session

TASKS = [
    {"name": "echo", "queue": "default", "schema": {"type": "object"}},
    {
        "name": "monthly",
        "queue": "reports",
        "priority": 3,
        "timeout": 30.0,
        "max_attempts": 5,
        "schema": {
            "type": "object",
            "properties": {
                "month": {"type": "string"},
                "days": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["month"],
            "additionalProperties": False,
        },
    },
    {"name": "renamed", "queue": "default", "aliases": ["old.name"], "schema": {}},
    {
        "name": "single",
        "queue": "default",
        "queueing_lock": "only",
        "lock": "one",
        "schema": {"type": "object"},
    },
]


@dataclass
class Reply:
    """One answer, read."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def slug(self) -> str:
        assert self.headers["Content-Type"].startswith("application/problem+json"), self.body
        assert self.body["status"] == self.status
        assert self.body["title"]
        return str(self.body["type"]).removeprefix("/problems/")

    @property
    def fields(self) -> list[str]:
        return [error["field"] for error in self.body.get("errors", [])]


@dataclass
class Api:
    """What a test does with the API. `key` is the bearer token of each request unless another is given."""

    db: Database
    server: TestServer
    http: ClientSession
    key: str
    services: Services

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = "", **headers: str
    ) -> Reply:
        """`body` is JSON, or bytes as they are; `key=None` sends none. Header names have _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Authorization"] = f"Bearer {key or self.key}"
        text = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        data = None if text is None else io.BytesIO(text)
        async with self.http.request(
            method,
            URL(str(self.server.make_url("")).rstrip("/") + path, encoded=True),
            data=data,
            headers=sent,
        ) as answer:
            text = await answer.read()
            is_json = text and "json" in answer.headers.get("Content-Type", "")
            return Reply(answer.status, json.loads(text) if is_json else text, answer.headers)

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Reply:
        return await self.call("POST", path, body, **options)

    async def enqueue(self, task: str = "echo", **fields: Any) -> int:
        reply = await self.post("/v1/jobs", {"task": task, **fields})
        assert reply.status == 201, reply.body
        return int(reply.body["id"])

    async def make_key(self, name: str, *scopes: str, **limits: Any) -> str:
        """A new key, once the API has heard of it."""
        async with self.services.connection() as conn:
            token = (await create_key(conn, name=name, scopes=scopes, actor="tests", **limits)).token

        async def known() -> bool:
            return hash_token(token) in await self.services.keyring.get()

        await until(known)
        return token

    async def notify(self, *channels: str) -> None:
        """What a worker does after its commit."""
        conn = await self.db.aconnect("worker")
        for channel in channels:
            await conn.execute(f'notify "{channel}"')

    def session(self) -> Session:
        return Session(self.db)


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20.0) -> None:
    """Returns as soon as the condition holds; fails when it doesn't in time."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.001)


@pytest.fixture
async def api(db: Database) -> AsyncIterator[Api]:
    async with Running(db) as api:
        yield api


class Running:
    """The API as a context: `async with running(db, enqueue_backlog=1) as api`."""

    def __init__(self, db: Database, **settings: Any) -> None:
        self._db = db
        options: dict[str, Any] = {"database_url": db.dsn("server"), "shutdown_grace": 1.0, **settings}
        self._server = TestServer(make_app(Settings(_env_file=None, **options)))
        self._http = ClientSession()

    async def __aenter__(self) -> Api:
        # cancels handlers on disconnect, as `serve` does
        await self._server.start_server(shutdown_timeout=1.0, **SERVER)
        services = self._server.app[SERVICES]
        await services.listener.wait_alive()
        api = Api(self._db, self._server, self._http, "", services)
        async with services.connection() as conn:
            await publish_tasks(
                conn,
                source="tests",
                catalogue=json.dumps({"catalogue": 1, "tasks": TASKS}).encode(),
                actor="tests",
            )
        api.key = await api.make_key("boss", "admin")
        return api

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()
        await self._server.close()
