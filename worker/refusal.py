"""The job manager of an App that decides nothing: each verb says what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import psycopg
from procrastinate import connector, manager

from worker.errors import WorkerMayNotWrite

_ENQUEUE = (
    "enqueue it from the API (POST /v1/jobs), from a result handler, or with server_api.enqueue under a "
    "producer's login; a task that wants a follow-up job returns what it needs"
)
_INSTEAD = {
    "defer": _ENQUEUE,
    "batch": _ENQUEUE,
    "cancel": "ask the API (POST /v1/jobs/{id}/cancel) or operator_api.cancel",
    "retry": "raise, and let the task's retry strategy decide; a person uses POST /v1/jobs/{id}/retry",
    "delete": "old jobs are removed on the API's side, never by a task",
    "finish": "return or raise: the worker settles its own jobs",
    "fetch": "the worker claims its own jobs",
}
_READ = "a worker's login reads no tables; ask the API (GET /v1/jobs) or a DBA's login (inspect.*)"


def instead(verb: str) -> str:
    """The second half of the sentence."""
    for prefix, text in _INSTEAD.items():
        if verb.startswith(prefix):
            return text
    return _READ if verb.startswith(("list", "get")) else "this belongs to the API's side"


class RefusingJobManager(manager.JobManager):
    """Every public verb of the stock class raises WorkerMayNotWrite; also those of later versions."""

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name == "connector" or not hasattr(manager.JobManager, name):
            return object.__getattribute__(self, name)
        if name.startswith("check_connection"):
            return object.__getattribute__(self, name)
        return _refuser(name)

    async def check_connection_async(self) -> bool:
        return await self.connector.execute_query_one_async("select 1") is not None

    def check_connection(self) -> bool:
        return self.connector.execute_query_one("select 1") is not None


def _refuser(verb: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise WorkerMayNotWrite(f"{verb}: a worker may not write; {instead(verb)}.")

    return refuse


class SilentConnector(connector.BaseAsyncConnector):
    """What stock's CLI opens and closes. No pool, no SQL: the worker has one connection of its own."""

    def __init__(self, dsn: Callable[[], str]):
        self._dsn = dsn

    def get_sync_connector(self) -> connector.BaseConnector:
        return self

    def open(self, pool: connector.Pool | None = None) -> None:  # noqa: ARG002 (stock's signature)
        return None

    def close(self) -> None:
        return None

    async def open_async(self, pool: connector.Pool | None = None) -> None:  # noqa: ARG002
        return None

    async def close_async(self) -> None:
        return None

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:  # noqa: ARG002
        raise _no_sql()

    async def execute_query_all_async(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:  # noqa: ARG002
        raise _no_sql()

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:  # noqa: ARG002
        """`procrastinate healthchecks` asks `select 1`; nothing else is sent."""
        if query != "select 1":
            raise _no_sql()
        async with await psycopg.AsyncConnection.connect(self._dsn()) as connection:
            await connection.execute("select 1")
        return {"check": 1}


def _no_sql() -> WorkerMayNotWrite:
    return WorkerMayNotWrite(f"A worker may not write and sends no SQL of its own: {_READ}.")
