"""Procrastinate's stock functions know nothing of gates: each is ours or gone; its files are known."""

from __future__ import annotations

import hashlib
from importlib import resources, util
from pathlib import Path
from typing import Any

import pytest
from psycopg import errors

from app.schema.paths import MIGRATIONS
from app.schema.sqlfiles import read_contract
from tests.support.cluster import Database

# Upstream's migrations as 0001 applies them. They are history: a change of one is a change of ours.
KNOWN = Path(__file__).with_name("procrastinate_migrations.sha256").read_text(encoding="utf-8")
HASHES = {name: digest for digest, name in (line.split() for line in KNOWN.splitlines())}


def base_revision() -> Any:
    spec = util.spec_from_file_location("base_revision", MIGRATIONS / "versions" / "0001_procrastinate.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_applied_files_are_the_known_ones() -> None:
    found = {
        name: hashlib.sha256(text.encode()).hexdigest() for name, text in base_revision().package_migrations()
    }
    assert found == HASHES


def test_later_files_of_the_package_are_left_alone() -> None:
    names = {
        f.name for f in resources.files("procrastinate.sql.migrations").iterdir() if f.name.endswith(".sql")
    }
    assert set(HASHES) == {name for name in names if name <= max(HASHES)}


@pytest.mark.pg15
def test_no_stock_function_is_left(db: Database) -> None:
    ours = {file.name for file in read_contract() if file.schema == "procrastinate" and not file.is_view}
    with db.connect("admin") as conn:
        present = conn.execute(
            "select proname from pg_proc where pronamespace = 'procrastinate'::regnamespace"
        )
        assert {name for (name,) in present} == ours


@pytest.mark.pg15
def test_no_trigger_is_left_on_the_job_table(db: Database) -> None:
    with db.connect("admin") as conn:
        triggers = conn.execute(
            """select tgname from pg_trigger
               where tgrelid = 'procrastinate.procrastinate_jobs'::regclass and not tgisinternal"""
        ).fetchall()
    assert triggers == []


def test_a_function_that_procrastinate_called_does_not_exist_for_a_worker(db: Database) -> None:
    with db.connect("worker") as conn, pytest.raises(errors.UndefinedFunction):
        conn.execute("select procrastinate_fetch_job_v2(null, 1)")


def test_the_repository_holds_no_copy_of_upstreams_sql() -> None:
    text = Path(MIGRATIONS / "versions" / "0001_procrastinate.py").read_text(encoding="utf-8")
    assert "CREATE TABLE" not in text.upper()
