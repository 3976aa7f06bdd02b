"""Every single statement of a stolen login: refused with its SQLSTATE, or allowed and harmless. On 15 and 18."""

from __future__ import annotations

import pytest

from tests.security.attack import Attack, attempt
from tests.security.battlefield import Battlefield, changed
from tests.security.statements import FAMILIES

pytestmark = pytest.mark.pg15(soak=True)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("login", ["worker", "producer", "dba", "janitor", "server", "handler"])
def test_a_stolen_login(field: Battlefield, login: str, family: str) -> None:
    assert wrongs(field, login, *FAMILIES[family]) == []


def test_there_are_enough_of_them() -> None:
    statements = [attack.sql for attacks in FAMILIES.values() for attack in attacks]
    assert len(statements) == len(set(statements)) >= 150


SUCCESSES = {
    "jobs.session": "update jobs.session set lost_at = now()",
    "procrastinate.procrastinate_jobs": "update procrastinate.procrastinate_jobs set priority = 7",
    "jobs.audit": "select jobs.record_audit('a', 'a', 'a', 'a')",
    "pg_class": "grant select on jobs.session to onewriter_worker",
    "pg_proc": "alter function jobs.mask(jsonb) security definer",
    "pg_database": "grant temporary on database {db} to onewriter_worker",
    "pg_authid": "alter role onewriter_test_worker createdb",
    "pg_auth_members": "grant onewriter_dba to onewriter_test_worker",
    "pg_db_role_setting": "alter role onewriter_test_worker set work_mem = '1GB'",
    "pg_language": "grant usage on language sql to public",
    "pg_namespace": "grant usage on schema jobs to public",
    "pg_type": "create type jobs.x as enum ()",
    "pg_operator": "create operator procrastinate.= (leftarg = text, rightarg = text, function = texteq)",
    "pg_cast": "create cast (bigint as text) with inout as implicit",
    "pg_default_acl": "alter default privileges grant all on tables to public",
    "pg_description": "comment on schema jobs is 'x'",
    "pg_largeobject_metadata": "select lo_create(0)",
}


@pytest.mark.parametrize("table", SUCCESSES)
def test_an_attack_that_succeeded_would_be_seen(field: Battlefield, table: str) -> None:
    before = field.fingerprint()
    field.admin.execute("begin")
    try:
        field.admin.execute(SUCCESSES[table].format(db=field.db.name).encode())
        assert table in changed(before, field.fingerprint())
    finally:
        field.admin.execute("rollback")


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
