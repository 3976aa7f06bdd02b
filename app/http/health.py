"""/livez (no database) and /readyz (database, migration head, armed, LISTEN, not stopping; scheduler)."""

import asyncio

import psycopg
from aiohttp import web

from app.errors import NotReady
from app.http.bodies import Health
from app.http.registry import Call
from app.http.requests import json_response
from app.queries.health import migration_head, scheduler_state

PATIENCE = 3.0
OK = "ok"
# Told, and no reason to send requests elsewhere: what is enqueued runs, and no other API has a scheduler.
TOLD = frozenset({"scheduler"})


async def livez(call: Call) -> web.Response:  # noqa: ARG001 (the signature of handlers)
    return json_response(Health("alive"))


async def readyz(call: Call) -> web.Response:
    """503 names what fails."""
    checks = {
        "process": "stopping" if call.services.stopping.is_set() else OK,
        "listen": OK if call.services.listener.alive else "LISTEN is not established",
        **await _database(call),
    }
    failing = [f"{name}: {state}" for name, state in checks.items() if state != OK and name not in TOLD]
    if failing:
        raise NotReady("; ".join(failing), facts={"checks": checks}, retry_after=1)
    return json_response(Health("ready", checks))


async def _database(call: Call) -> dict[str, str]:
    expected = call.services.migration_head
    try:
        async with asyncio.timeout(PATIENCE), call.services.connection() as conn:
            found = await migration_head(conn)
            if found != expected:
                told = f"database is at {found}, this version needs {expected}"
                return {"database": OK, "migrations": told}
            scheduler = await scheduler_state(conn)
    except (psycopg.Error, OSError, TimeoutError) as exc:
        return {"database": f"cannot be asked ({type(exc).__name__})"}
    armed = await call.services.armed.get()
    return {"database": OK, "migrations": OK, "environment": armed.refusal or OK, "scheduler": scheduler}
