"""In a copy that nobody armed the API reads and changes nothing."""

import pytest
from msgspec import Raw

from app.commands.jobs_in import JobIn
from app.errors import Quarantined
from tests.api.conftest import Api, Running, until
from tests.support.cluster import Database, arm


async def _armed(api: Api) -> None:
    """As `onewriter arm`, signal and all."""
    arm(api.db)
    await api.notify("ow_conf")


async def test_a_copy_is_read_and_not_changed_until_it_is_armed(db: Database) -> None:
    db.connect("admin").execute("update jobs.environment set place = 'elsewhere'")
    async with Running(db) as api:
        for path, body in (("/v1/jobs", {"task": "echo"}), ("/v1/jobs:batch", {"jobs": []}),
                           ("/v1/jobs/1/cancel", {}), ("/v1/jobs/1/run-now", {"reason": "x"})):  # fmt: skip
            reply = await api.post(path, body)
            assert (reply.status, reply.slug, reply.headers["Retry-After"]) == (503, "quarantined", "30")
            assert "nobody armed here" in reply.body["detail"]
        assert (await api.get("/v1/jobs")).status == 200
        reply = await api.get("/readyz", key=None)
        assert (reply.status, reply.body["checks"]["environment"]) == (
            503,
            reply.body["checks"]["environment"],
        )
        assert "environment: quarantined: a copy of default" in reply.body["detail"]
        await _armed(api)

        async def ready() -> bool:
            return (await api.get("/readyz", key=None)).status == 200

        await until(ready)
        await api.enqueue()


async def test_another_environments_api_changes_nothing(db: Database) -> None:
    async with Running(db, environment="staging") as api:
        reply = await api.post("/v1/jobs", {"task": "echo"})
        assert (reply.status, reply.slug) == (503, "quarantined")
        assert "armed as default, and this process belongs to staging" in reply.body["detail"]


async def test_an_enqueue_connection_asks_for_itself(db: Database) -> None:
    """Whatever the API believed: the connection that would write begins with the question."""
    job = JobIn(task="echo", queue="default", args=Raw(b"{}"))
    async with Running(db) as api:
        assert (await api.services.armed.get()).refusal == ""
        db.connect("admin").execute("update jobs.environment set place = 'elsewhere'")
        for _ in range(2):
            with pytest.raises(Quarantined):
                await api.services.enqueuer.submit(job)
        arm(db)
        assert isinstance(await api.services.enqueuer.submit(job), int)
        # One that is open goes on: it would not have outlived a restore.
        db.connect("admin").execute("update jobs.environment set place = 'elsewhere'")
        assert isinstance(await api.services.enqueuer.submit(job), int)
