"""What the peers have in common that come from a package registry and run in an environment of their own."""

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from bench.installing import Packages
from bench.peers.tables import TablePeer
from bench.processes import Command, output_of
from devstack.state import ROOT

# What takes minutes and is said by a queue's better mode.
LONG = frozenset({"backlog", "snapshot", "sustained", "mix", "locks", "work-5ms"})
# Where a queue that sets nothing would take hours.
WORKED = frozenset({"drain-1", "drain-2", "pickup", "cost"})


class Installed(TablePeer):
    """`options` reach its worker and its client as JSON; nothing given is the library's own default."""

    packages: ClassVar[Packages]
    options: ClassVar[Mapping[str, Any]] = {}

    @property
    def versions(self) -> Mapping[str, str]:
        return self.packages.versions

    def install(self) -> None:
        self.packages.install()
        self.server.create_database(self.database, self.login)
        output_of(self.migration(), f"{self.name}'s migration")

    @abstractmethod
    def migration(self) -> Command:
        """Makes its schema, as its login."""

    def settings_environment(self, **options: int) -> dict[str, str]:
        return {"BENCH_SETTINGS": json.dumps({**self.options, **options})}


def script(path: str) -> str:
    """One of ours, for Node."""
    return str(ROOT / "bench" / path)
