"""The hubs of this process: made by the first listener of a job, gone with the last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import Overloaded
from app.http.hub import Hub, Lend
from app.http.watch import MOST_WAITERS, JobWatch
from app.queries.notes import Mark

# Seconds. That a run has begun is not signalled, and a NOTIFY may be lost with the process that owed it: so
# look without one, in one query for all jobs that somebody listens to.
RELOOK = 2.0


class Hubs:
    """`signal` says that some job changed or spoke; one query finds out whose hub has something to read."""

    def __init__(self, watch: JobWatch[Mark], lend: Lend) -> None:
        self._watch = watch
        self._lend = lend
        self._hubs: dict[int, Hub] = {}
        self._users = 0

    def signal(self) -> None:
        self._watch.signal()

    async def run(self) -> None:
        await asyncio.gather(self._watch.run(), self._relook())

    async def _relook(self) -> None:
        while True:
            await asyncio.sleep(RELOOK)
            self._watch.signal()

    @asynccontextmanager
    async def on(self, job_id: int) -> AsyncIterator[Hub]:
        """The job's hub, opened. Raises Overloaded, and what reading the job raises."""
        if self._users >= MOST_WAITERS:
            raise Overloaded("too many listen to jobs", retry_after=5)
        hub = self._hub(job_id)
        self._users += 1
        hub.users += 1
        try:
            await hub.open()
            yield hub
        finally:
            self._users -= 1
            hub.users -= 1
            if not hub.users:
                self._end(hub)

    def close(self) -> None:
        """For the end of the process: every stream ends, and its client comes back elsewhere."""
        for hub in tuple(self._hubs.values()):
            hub.close()

    def _hub(self, job_id: int) -> Hub:
        """A closed one is left to those who are still on it."""
        hub = self._hubs.get(job_id)
        if hub is None or hub.closed:
            hub = self._hubs[job_id] = Hub(job_id, self._lend)
            hub.task = asyncio.create_task(self._serve(hub))
        return hub

    async def _serve(self, hub: Hub) -> None:
        async with self._watch.on(hub.job_id) as changed:
            await hub.run(changed)

    def _end(self, hub: Hub) -> None:
        if hub.task is not None:
            hub.task.cancel()
        if self._hubs.get(hub.job_id) is hub:
            del self._hubs[hub.job_id]
