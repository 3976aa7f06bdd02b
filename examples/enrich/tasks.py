"""What a worker does: asks others, answers data. It has no way to write an entity."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

from procrastinate import Blueprint, RetryStrategy

enrich = Blueprint()


class Unavailable(Exception):
    """The register answers 503: the same question may be answered in a second."""


@enrich.task(
    name="lookup", queue="enrich", retry=RetryStrategy(max_attempts=4, wait=1, retry_exceptions=[Unavailable])
)
async def lookup(entity: int, url: str) -> dict[str, Any]:
    """What the register knows of the company; `entity` is for the handler."""
    return await asyncio.to_thread(_get, url)


@enrich.task(name="welcome", queue="enrich")
async def welcome(entity: int, town: str) -> str:
    """The next step, started by the handler of the first."""
    return f"a letter to {town}"


def _get(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 503:
            raise Unavailable(url) from None
        raise
    return found
