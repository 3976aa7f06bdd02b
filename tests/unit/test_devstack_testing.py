"""The test databases themselves: rights and settings of the template reach every clone."""

import psycopg
import pytest

from tests.support.cluster import LOGINS, Database


@pytest.mark.pg15
def test_a_clone_has_the_templates_rights_and_settings(db: Database) -> None:
    assert db.connect("worker").execute("show search_path").fetchone() == ("worker_api, procrastinate",)
    public = "select has_database_privilege('public', current_database(), 'connect')"
    assert db.connect("admin").execute(public).fetchone() == (False,)


@pytest.mark.parametrize("role", LOGINS)
def test_every_login_gets_in(db: Database, role: str) -> None:
    assert db.connect(role).execute("select session_user").fetchone() == (f"onewriter_test_{role}",)


async def test_connections_of_both_kinds_close_with_the_test(db: Database) -> None:
    connection = await db.aconnect("server")
    assert not connection.closed


def test_a_worker_cannot_write(db: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for table"):
        db.connect("worker").execute("update procrastinate_jobs set status = 'succeeded'")
