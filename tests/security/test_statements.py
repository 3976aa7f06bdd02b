"""Every single statement of a stolen login: refused with its SQLSTATE, or allowed and harmless. On 15 and 18."""

from __future__ import annotations

import pytest

from tests.security.attack import Attack, attempt
from tests.security.battlefield import Battlefield, changed
from tests.security.statements import FAMILIES

pytestmark = pytest.mark.pg15


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("login", ["worker", "producer", "dba", "janitor", "server"])
def test_a_stolen_login(field: Battlefield, login: str, family: str) -> None:
    assert wrongs(field, login, *FAMILIES[family]) == []


def test_there_are_enough_of_them() -> None:
    statements = [attack.sql for attacks in FAMILIES.values() for attack in attacks]
    assert len(statements) == len(set(statements)) >= 150


def wrongs(field: Battlefield, login: str, *attacks: Attack) -> list[str]:
    """What came out differently, was seen, or was changed."""
    found, names = [], field.names(login)
    before = field.fingerprint()
    conn = field.connection(login)
    for attack in attacks:
        state, heard = attempt(conn, attack.sql.format(**names))
        expected = attack.expected(login, field.db.server.major)
        if state != expected:
            found.append(f"{attack.name}: {state}, not {expected}: {heard[:200]}")
        found += [f"{attack.name}: shows {canary}" for canary in field.canaries if canary in heard]
    found += [f"changed: {table}" for table in changed(before, field.fingerprint())]
    if not field.still_answers():
        found.append("the victim's session is gone")
    return found
