"""The registry of workers, as GET /v1/workers has it, region by region."""

from collections.abc import Callable, Sequence
from typing import Any

from examples.support.api import Api
from examples.support.story import chapter, table, until

Row = dict[str, Any]


def workers(api: Api) -> dict[str, Row]:
    """By the part of their name behind the host; a name outlives its processes."""
    return {row["name"].partition("/")[2]: row for row in api.get("/v1/workers")["items"]}


def show(api: Api, title: str) -> None:
    """A line for each region, with each worker's status and how many jobs its sessions hold."""
    chapter(title)
    regions: dict[str, list[str]] = {}
    for name, row in workers(api).items():
        regions.setdefault(row["region"], []).append(f"{name} {_state(row)}")
    table(["region", "workers"], [[region, *sorted(cells)] for region, cells in sorted(regions.items())])


def _state(row: Row) -> str:
    return f"{row['status']} {row['running']}"


def until_all(api: Api, names: Sequence[str], holds: Callable[[Row], bool], what: str) -> None:
    def met() -> bool:
        known = workers(api)
        return all(name in known and holds(known[name]) for name in names)

    until(met, what)
