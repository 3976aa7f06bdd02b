"""Tasks that get a secret and don't keep it to themselves."""

import json
from typing import Any

from procrastinate import Blueprint, RetryStrategy
from procrastinate.job_context import JobContext

billing = Blueprint()


@billing.task(name="measures")
async def measures(key: str, deep: list[Any]) -> list[int]:
    """Tells that the value has come without telling it."""
    return [len(key), len(deep[0]["key"])]


@billing.task(name="measures_sync")
def measures_sync(key: str) -> int:
    return len(key)


@billing.task(name="echoes")
async def echoes(key: str) -> dict[str, Any]:
    return {"got": f"<{key}>", key: [key, 1], "json": json.dumps(key)}


@billing.task(name="shows_job", pass_context=True)
async def shows_job(context: JobContext, key: str) -> Any:
    assert key
    return context.job.task_kwargs


@billing.task(name="raises")
async def raises(key: str) -> None:
    try:
        raise KeyError(key)
    except KeyError as exc:
        # So long that it is cut in the middle of a value.
        raise ValueError(f"{'x' * 2040}{key} and {key!r}") from exc


@billing.task(name="retries", retry=RetryStrategy(max_attempts=2))
async def retries(key: str) -> None:
    raise ValueError(key)
