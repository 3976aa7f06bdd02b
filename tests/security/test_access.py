"""The committed page of who may reach what is the database, and doctor names and mends what is beside it. On 15 and 18."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from app.schema.access import access_page, live_access, read_access
from app.schema.doctor import Finding, access_drift, memberships
from app.schema.membership import POWERS, SIGHT
from tests.security.battlefield import Battlefield

pytestmark = pytest.mark.pg15(soak=True)
RENEW = "renew it: python -m app.schema.access DSN > sql/access.txt, and look at the difference"
MALLORY = "Mallory X"


@pytest.fixture
def admin(field: Battlefield, sound_roles: None) -> Iterator[psycopg.Connection[Any]]:
    """A superuser in a transaction that is rolled back: other tests see nothing of the wounds."""
    with field.db.connect("admin", autocommit=False) as conn:
        conn.execute(f'create role "{MALLORY}" login in role onewriter_worker'.encode())
        yield conn
        conn.rollback()


def findings(admin: psycopg.Connection[Any]) -> list[Finding]:
    """As doctor asks, which acts as the owner."""
    admin.execute("set local role onewriter_api")
    found = [f for check in (access_drift, memberships) for f in check(admin, "onewriter")]
    admin.execute("reset role")
    return found


def mend(admin: psycopg.Connection[Any], found: list[Finding]) -> None:
    """Each finding's line as it is printed."""
    for finding in found:
        admin.execute(finding.mend.encode())


def test_the_page_is_the_database(admin: psycopg.Connection[Any]) -> None:
    live = live_access(admin)
    assert live - read_access() == set(), RENEW
    assert read_access() - live == set(), RENEW
    assert len(access_page(live).splitlines()) == len(live)


CHANGES = {
    "database": "grant temporary on database {db} to onewriter_worker",
    "language": "grant usage on language plpgsql to onewriter_worker",
    "type": "grant usage on type jobs.attempt_status to onewriter_worker",
    "catalogue function": "grant execute on function pg_read_file(text) to onewriter_worker",
    "catalogue relation": "grant select on pg_authid to onewriter_worker",
    "default": "alter default privileges for role onewriter_api grant execute on functions to public",
    "parameter": "grant set on parameter log_statement to onewriter_worker",
    "setting": "alter role onewriter_producer in database {db} set search_path = public",
    "role": "alter role onewriter_dba createdb",
    "member": "grant pg_read_all_data to onewriter_dba",
    "relation": "grant select on jobs.session to onewriter_worker",
    "function": "grant execute on function jobs.mask to onewriter_worker",
    "schema": "grant usage on schema jobs to onewriter_worker",
    "sequence": "grant usage on sequence jobs.session_id_seq to onewriter_worker",
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_changed_right_makes_a_difference(
    field: Battlefield, admin: psycopg.Connection[Any], kind: str
) -> None:
    """Every kind of line: a snapshot that misses one would be none. And its line takes it away."""
    admin.execute(CHANGES[kind].format(db=field.db.name).encode())
    (right,) = live_access(admin) - read_access()
    assert right.kind == kind
    admin.execute(right.mend.encode())
    assert live_access(admin) == read_access()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("grant select on pg_stat_activity to public", "closed: relation pg_stat_activity: public: select"),
        ("grant execute on function pg_notify(text, text) to public", "closed: function pg_notify: public: execute"),
        ("revoke execute on function worker_api.close from onewriter_worker", "function: worker_api.close: onewriter_worker: execute"),
        ("revoke pg_signal_backend from onewriter_api", "member: pg_signal_backend: onewriter_api: is"),
    ],
)  # fmt: skip
def test_a_line_goes_with_its_right(admin: psycopg.Connection[Any], change: str, line: str) -> None:
    admin.execute(change.encode())
    assert [str(right) for right in read_access() - live_access(admin)] == [line]


def test_doctor_is_silent_over_a_sound_installation(admin: psycopg.Connection[Any]) -> None:
    assert findings(admin) == []


WOUNDS = {
    "grant temporary on database {db} to onewriter_worker": "onewriter_worker temporary database",
    "grant usage on language plpgsql to onewriter_dba": "onewriter_dba usage language plpgsql",
    "grant execute on function pg_read_file(text) to onewriter_dba": "onewriter_dba execute catalogue function pg_read",
    "grant select on pg_statistic to onewriter_dba": "onewriter_dba select catalogue relation pg_statistic",
    "grant set on parameter log_statement to public": "public set parameter log_statement",
    "alter default privileges for role onewriter_api grant execute on functions to public": "public execute default",
    "alter role onewriter_producer in database {db} set search_path = x": "has setting search_path",
    "alter role onewriter_server login": "onewriter_server has role login",
    "grant pg_write_all_data to onewriter_worker": "onewriter_worker is a member of pg_write_all_data",
    'alter role "{mallory}" createrole': '"{mallory}" has CREATEROLE',
    'alter role "{mallory}" createdb': '"{mallory}" has CREATEDB',
    'alter role "{mallory}" replication': '"{mallory}" has REPLICATION',
    'alter role "{mallory}" bypassrls': '"{mallory}" has BYPASSRLS',
    'alter role "{mallory}" superuser': '"{mallory}" has SUPERUSER',
    'grant onewriter_dba to "{mallory}"': '"{mallory}" is a member of onewriter_dba and of onewriter_worker',
    'grant onewriter_api to "{mallory}"': '"{mallory}" is a member of onewriter_api and of onewriter_worker',
    'grant all on schema public to "{mallory}"; set role "{mallory}"; create view public.mine as select 1;'
    " reset role": '"{mallory}" owns 1 objects',
}


@pytest.mark.parametrize("wound", WOUNDS)
def test_doctor_names_a_wound_and_its_line_mends_it(
    field: Battlefield, admin: psycopg.Connection[Any], wound: str
) -> None:
    names = {"db": field.db.name, "mallory": MALLORY}
    admin.execute(wound.format(**names).encode())
    wounded = findings(admin)
    assert [f for f in wounded if WOUNDS[wound].format(**names) in f.problem], wounded
    mend(admin, wounded)
    assert findings(admin) == []


@pytest.mark.parametrize("power", [*POWERS, *SIGHT])
def test_doctor_walks_memberships(admin: psycopg.Connection[Any], power: str) -> None:
    """Straight, and through somebody else's group: the step that the login itself takes is the one to undo."""
    if admin.execute("select to_regrole(%s)", [power]).fetchone() == (None,):
        pytest.skip(f"{power} is newer than this PostgreSQL")
    admin.execute(
        f'create role "a group"; grant {power} to "a group"; grant "a group" to "{MALLORY}"'.encode()
    )
    wounded = findings(admin)
    (problem,) = [f.problem for f in wounded]
    assert problem.startswith(f'"{MALLORY}" is a member of ') and problem.endswith(' through "a group"')
    assert power in problem
    mend(admin, wounded)
    assert findings(admin) == []
    admin.execute(f'grant {power} to "{MALLORY}"'.encode())
    wounded = findings(admin)
    assert [f.problem for f in wounded] == [f'"{MALLORY}" is a member of {power}']
    mend(admin, wounded)
    assert findings(admin) == []


def test_a_dba_may_see_what_runs(admin: psycopg.Connection[Any]) -> None:
    admin.execute("create role dora login in role onewriter_dba, pg_monitor")
    assert findings(admin) == []


def test_whoever_may_not_read_the_catalogue_gets_no_page(field: Battlefield) -> None:
    with field.db.connect("worker") as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        live_access(conn)
