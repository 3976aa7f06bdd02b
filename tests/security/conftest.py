"""One battlefield per server for all attacks of a process: an attack that changes it is the finding."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from tests.security.battlefield import Battlefield
from tests.support.cluster import Server, clone

_numbers = count(1)


@pytest.fixture(scope="session")
def _battlefields() -> Iterator[Callable[[Server], Battlefield]]:
    made: dict[int, Battlefield] = {}
    with ExitStack() as stack:

        def find(server: Server) -> Battlefield:
            if server.port not in made:
                name = f"battle_{os.getpid()}_{next(_numbers)}"
                made[server.port] = Battlefield(stack.enter_context(clone(server, name)))
            return made[server.port]

        yield find


@pytest.fixture
def field(postgres: Server, _battlefields: Callable[[Server], Battlefield]) -> Battlefield:
    """A hardened database with a victim on it, shared; with the mark pg15 one on 18 and one on 15."""
    return _battlefields(postgres)
