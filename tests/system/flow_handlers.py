"""One handler that starts a chain and a group when a job has ended."""

from typing import Any

from app.handlers import Event, chain, group, job, on


@on("flow.begin", "succeeded")
async def begun(conn: Any, event: Event) -> None:
    await chain(conn, *[job("flow.add", n=n) for n in (1, 2, 3)], results="last")
    members = [job("flow.add", n=n) for n in range(event.result)]
    await group(conn, *members, callback=job("flow.total"), results="parts")
