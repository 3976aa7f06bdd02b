"""/livez, /readyz and what happens when the database goes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.scheduler.election import Leadership
from tests.api.conftest import Api, Running, until
from tests.support.cluster import Database, clone


async def test_well(api: Api) -> None:
    assert (await api.get("/livez", key=None)).body["status"] == "alive"
    reply = await api.get("/readyz", key=None)
    assert (reply.status, reply.body["status"]) == (200, "ready")
    checks = reply.body["checks"]
    assert checks.pop("scheduler") == "nobody leads"
    assert set(checks.values()) == {"ok"}


@pytest.mark.parametrize(("fires", "said"), [(True, "ok"), (False, "disabled")])
async def test_a_scheduler_that_fires_nothing_is_told_and_no_reason_to_turn_red(
    api: Api, fires: bool, said: str
) -> None:
    leadership = Leadership(api.db.dsn("server"), fires=fires)
    await leadership.connection()
    reply = await api.get("/readyz", key=None)
    assert (reply.status, reply.body["checks"]["scheduler"]) == (200, said)
    await leadership.close()


async def test_only_who_leads_fires(api: Api) -> None:
    """One that waits for the lead doesn't hold the other lock meanwhile."""
    first = Leadership(api.db.dsn("server"), fires=False)
    second = Leadership(api.db.dsn("server"), retry=(0.01, 0.02))
    await first.connection()
    waiting = asyncio.create_task(second.connection())
    admin = await api.db.aconnect("admin")
    asked = """select count(*) from pg_stat_activity where query like '%server_api.elect%' and state = 'idle'
               and datname = current_database() and pid <> pg_backend_pid()"""

    async def both() -> bool:
        row = await (await admin.execute(asked)).fetchone()
        return row == (2,)

    await until(both)
    reply = await api.get("/readyz", key=None)
    assert reply.body["checks"]["scheduler"] == "disabled"
    await first.close()
    await waiting

    async def fires() -> bool:
        return bool((await api.get("/readyz", key=None)).body["checks"]["scheduler"] == "ok")

    await until(fires)
    await second.close()


async def test_another_migration_head_is_named(api: Api) -> None:
    api.db.connect("admin").execute("update jobs.alembic_version set version_num = '0001'")
    reply = await api.get("/readyz", key=None)
    assert (reply.status, reply.slug) == (503, "not-ready")
    assert "migrations: database is at 0001" in reply.body["detail"]


async def test_listen_lost_is_named_and_comes_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    comes_back = asyncio.Event()
    monkeypatch.setattr(api.services.listener, "_listen", _after(comes_back, api.services.listener._listen))
    _cut(api.db, "onewriter listen")
    await until(lambda: not api.services.listener.alive)
    reply = await api.get("/readyz", key=None)
    assert (reply.status, "listen" in reply.body["detail"]) == (503, True)
    comes_back.set()
    await api.services.listener.wait_alive()
    assert (await api.get("/readyz", key=None)).status == 200


def _after(event: asyncio.Event, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        await event.wait()
        await work()

    return wait


async def test_without_listen_keys_are_still_known(api: Api) -> None:
    _cut(api.db, "onewriter listen")
    for _ in range(20):
        assert (await api.get("/v1/jobs")).status == 200


async def test_database_away(own_cluster: tuple[Any, Any]) -> None:
    """The API lives through it: 503 with Retry-After meanwhile, all well after."""
    cluster, server = own_cluster
    with clone(server, "away") as db:
        async with Running(db) as api:
            await api.enqueue()
            cluster.stop()
            reply = await api.post("/v1/jobs", {"task": "echo"})
            assert (reply.status, reply.slug, reply.headers["Retry-After"]) == (
                503,
                "database-unavailable",
                "1",
            )
            reply = await api.get("/readyz", key=None)
            assert reply.status == 503
            assert "database" in reply.body["detail"]
            assert (await api.get("/livez", key=None)).status == 200
            cluster.start(server.port)

            async def ready() -> bool:
                return (await api.get("/readyz", key=None)).status == 200

            await until(ready)
            await api.enqueue()


def _cut(db: Database, name: str) -> None:
    cut = db.connect("admin").execute(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
        " where application_name = %s and datname = current_database()",
        [name],
    )
    assert cut.fetchall()
