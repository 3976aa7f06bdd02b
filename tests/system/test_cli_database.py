"""The command line against a real database, through the logins that production uses."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.http.main import expected_head
from tests.support.cluster import Database
from tests.system.conftest import Cli

CATALOGUE = {"catalogue": 1, "tasks": [{"name": "echo", "queue": "default", "schema": {"type": "object"}}]}


@pytest.fixture
def published(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    path.write_text(json.dumps(CATALOGUE))
    assert cli("tasks", "publish", str(path), "--source", "here")[:2] == (0, "added    echo\n")


def enqueue(db: Database, arguments: str = "") -> int:
    with db.connect("producer") as conn:
        row = conn.execute(f"select server_api.enqueue('echo' {arguments})".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_keys_are_printed_once_listed_and_revoked(cli: Cli) -> None:
    code, key, _ = cli(
        "keys", "create", "ci", "--scope", "jobs:read", "--scope", "jobs:write", "--queue", "r.*"
    )
    assert code == 0
    assert key.startswith("ow_")
    (listed,) = json.loads(cli("keys", "ls", "--json")[1])
    assert (listed["scopes"], listed["queues"], listed["revoked_at"]) == (
        ["jobs:read", "jobs:write"],
        ["r.*"],
        None,
    )
    assert key.startswith(listed["prefix"])
    assert key.strip() not in json.dumps(listed)
    assert cli("keys", "revoke", "ci")[0] == 0
    assert json.loads(cli("keys", "ls", "--json")[1])[0]["revoked_at"]


def test_a_key_is_made_with_its_rate(cli: Cli) -> None:
    for name, options in {
        "plain": (),
        "slow": ("--rate", "600/m"),
        "bursts": ("--rate", "5000/h", "--burst", "7"),
        "free": ("--rate", "none"),
    }.items():
        assert cli("keys", "create", name, "--scope", "jobs:read", *options)[0] == 0
    listed = json.loads(cli("keys", "ls", "--json")[1])
    assert {key["name"]: (key["rate"], key["burst"]) for key in listed} == {
        "plain": (None, None),
        "slow": ("10/s", None),
        "bursts": ("5000/h", 7),
        "free": ("none", None),
    }
    for options in (("--rate", "fast"), ("--rate", "0/s"), ("--burst", "0")):
        assert cli("keys", "create", "bad", "--scope", "jobs:read", *options)[0] == 2


def test_the_audit_is_verified(cli: Cli, db: Database) -> None:
    for name in ("one", "two", "three"):
        assert cli("keys", "create", name, "--scope", "jobs:read")[0] == 0
    code, out, err = cli("audit", "verify")
    assert (code, err) == (0, "")
    mark = out.split()[-1]
    assert out == f"3 lines verified, up to {mark}\n"
    assert cli("keys", "revoke", "one")[0] == 0
    assert cli("audit", "verify", "--expect", mark)[0] == 0
    verdict = json.loads(cli("audit", "verify", "--json")[1])
    assert (verdict["lines"], verdict["bad_line"], verdict["head"]["id"]) == (4, None, 4)
    code, _, err = cli("audit", "verify", "--expect", f"3:{'0' * 64}")
    assert (code, err) == (1, "line 3 is not the one that was noted\n")
    for malformed in ("3", "x:y", f"3:{'0' * 63}"):
        assert cli("audit", "verify", "--expect", malformed)[0] == 2
    with db.connect("admin") as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("update jobs.audit set actor = 'nobody' where id = 2")
    code, out, err = cli("audit", "verify", "--json")
    assert (code, json.loads(out)["lines"], json.loads(out)["bad_line"]) == (1, 1, 2)
    assert err == "line 2 is not what followed line 1\n"


def test_a_taken_name_is_a_conflict_and_an_unknown_one_not_found(cli: Cli) -> None:
    assert cli("keys", "create", "twice", "--scope", "admin")[0] == 0
    assert cli("keys", "create", "twice", "--scope", "admin")[0] == 4
    assert cli("keys", "revoke", "never")[0] == 3
    assert cli("jobs", "show", "99999")[0] == 3
    assert cli("queues", "pause", "never", "--reason", "x")[0] == 3


def test_publishing_again_changes_nothing(cli: Cli, published: None, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.json"
    assert cli("tasks", "publish", str(path), "--source", "here")[2] == "1 unchanged\n"
    assert [task["name"] for task in json.loads(cli("tasks", "ls", "--json")[1])] == ["echo"]
    assert cli("tasks", "publish", str(path), "--source", "elsewhere")[0] == 4


def test_a_file_that_is_no_catalogue_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    for text in ("", "[]", '{"catalogue": 2, "tasks": []}', '{"catalogue": 1}'):
        path.write_text(text)
        assert cli("tasks", "publish", str(path), "--source", "here")[0] == 2


def test_a_job_is_shown_cancelled_and_retried(cli: Cli, db: Database, published: None) -> None:
    job = str(enqueue(db))
    (listed,) = json.loads(cli("jobs", "ls", "--status", "ready", "--json")[1])
    assert str(listed["id"]) == job
    assert json.loads(cli("jobs", "cancel", job, "--reason", "no", "--json")[1])["status"] == "cancelled"
    assert cli("jobs", "cancel", job)[0] == 4
    code, out, _ = cli("jobs", "show", job)
    assert code == 0
    assert "cancelled" in out
    assert cli("jobs", "show", job, "--wait")[0] == 1
    assert json.loads(cli("jobs", "retry", job, "--json")[1])["status"] == "ready"


def test_a_scheduled_job_runs_now_and_the_audit_says_who(cli: Cli, db: Database, published: None) -> None:
    job = enqueue(db, ", run_at => now() + interval '1 day'")
    code, out, err = cli("jobs", "run-now", str(job), "--reason", "a call", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["job_id"] == job
    entry = json.loads(cli("audit", "ls", "--json")[1])[0]
    assert (entry["action"], entry["reason"]) == ("jobs.run_now", "a call")
    assert entry["actor"].startswith("cli:")


def test_waiting_ends_with_the_job(cli: Cli, db: Database, published: None) -> None:
    job = enqueue(db)
    with db.connect("worker") as worker:
        (session,) = worker.execute("select worker_api.open(null, 'w')").fetchone()  # type: ignore[misc]
        call = (
            "select worker_api.exchange(%s, %s, %s, %s, %s, null, null, null, null, 1, 1, true, null)::json"
        )
        identity = [session["session"], session["secret"]]
        worker.execute(call, [*identity, None, None, None])
        worker.execute(call, [*identity, [job], [1], ['{"a": 1}']])
    code, out, _ = cli("jobs", "show", str(job), "--wait", "--json")
    assert code == 0
    assert json.loads(out)["attempt_list"][0]["result"] == {"a": 1}


def test_a_finished_job_is_removed_and_then_gone(cli: Cli, db: Database, published: None) -> None:
    job = str(enqueue(db))
    code, _, error = cli("jobs", "rm", job)
    assert (code, error.count("\n")) == (4, 1)
    assert "only a finished one" in error
    cli("jobs", "cancel", job)
    assert json.loads(cli("jobs", "rm", job, "--reason", "no use", "--json")[1])["status"] == "gone"
    for arguments in (("show", job), ("rm", job), ("retry", job), ("show", job, "--wait")):
        code, _, error = cli("jobs", *arguments)
        assert code == 3
        assert "gone" in error
    assert "there is no job 99" in cli("jobs", "show", "99")[2]
    (entry, *_) = json.loads(cli("audit", "ls", "--json")[1])
    assert (entry["action"], entry["target"], entry["reason"]) == ("jobs.remove", f"job {job}", "no use")


def test_queues_are_paused_and_resumed(cli: Cli, db: Database, published: None) -> None:
    enqueue(db)
    assert cli("queues", "pause", "default", "--reason", "disk")[0] == 0
    (queue,) = json.loads(cli("queues", "ls", "--json")[1])
    assert (queue["queue"], queue["pause_reason"]) == ("default", "disk")
    assert cli("queues", "resume", "default", "--reason", "done")[0] == 0
    assert json.loads(cli("queues", "ls", "--json")[1])[0]["paused_at"] is None


@pytest.mark.pg15
def test_a_dba_gets_a_login_that_reads_and_cannot_write(cli: Cli, db: Database) -> None:
    name = f"dora_{os.getpid()}"
    try:
        code, password, _ = cli("dba", "create", name)
        assert (code, password.count("\n")) == (0, 1)
        assert cli("dba", "create", name)[0] == 4
        dsn = db.dsn("dba").replace("onewriter_test_dba", name)
        with psycopg.connect(dsn) as conn:
            assert conn.execute("select * from queues").fetchall() == []
        assert name in {login["name"] for login in json.loads(cli("logins", "ls", "--json")[1])}
    finally:
        assert cli("logins", "drop", name)[0] == 0
    assert cli("logins", "drop", name)[0] == 3
    assert cli("logins", "drop", "postgres")[0] == 3


@pytest.mark.parametrize("name", ["Dora", "onewriter_worker", 'a"b', ""])
def test_a_login_needs_a_plain_name(cli: Cli, name: str) -> None:
    assert cli("logins", "create", name, "--as", "worker")[0] in {2, 4}


def test_a_password_may_come_from_a_file(cli: Cli, db: Database, tmp_path: Path) -> None:
    name, path = f"filed_{os.getpid()}", tmp_path / "password"
    path.write_text("from a file\n")
    try:
        assert cli("logins", "create", name, "--as", "worker", "--password-file", str(path))[:2] == (0, "")
    finally:
        cli("logins", "drop", name)


def test_migrate_and_harden_are_repeatable(cli: Cli) -> None:
    assert cli("migrate")[0] == 0
    assert cli("harden", "--yes")[2] == "nothing to do\n"
    code, out, _ = cli("harden", "--undo", "--dry-run")
    assert code == 0
    assert "grant connect, temporary on database" in out
    assert cli("harden", "--yes")[2] == "nothing to do\n"


def test_harden_asks(cli: Cli, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", _Answer("n\n"))
    assert cli("harden", "--undo")[0] == 130
    assert cli("harden", "--yes")[2] == "nothing to do\n"


@pytest.mark.pg15
def test_the_doctor_finds_each_wound_and_says_how_to_mend_it(
    cli: Cli, db: Database, sound_roles: None
) -> None:
    clean = findings(cli)
    assert not [f for f in clean if "the database" not in f["problem"]], (
        clean
    )  # other databases of the cluster
    with db.connect("admin") as conn:
        for wound in WOUNDS:
            conn.execute(wound.encode())
    problems = {f["problem"]: f["mend"] for f in findings(cli)}
    text = "\n".join(problems)
    for said in (
        "onewriter_worker has update on procrastinate.procrastinate_jobs.status",
        "public has select on jobs.api_key",
        "onewriter_dba lacks select on inspect.queues",
        "the schema is at 0001",
        "jobs.mask is not what sql/ says",
        "jobs.loose is in no file of sql/",
        "jobs.loose() runs as its owner without a pinned search_path",
        "the worker login onewriter_test_worker could write",
        "onewriter_test_worker may write procrastinate.procrastinate_jobs",
        "1 running jobs have no live worker",
        "onewriter_test_worker has statement_timeout 0, not 60s",
    ):
        assert said in text
    revokes = [
        mend
        for mend in problems.values()
        if mend.startswith(("revoke ", "alter role onewriter_test_worker in "))
    ]
    with db.connect("admin") as conn:
        conn.execute("update jobs.alembic_version set version_num = %s", [expected_head()])
        for mend in revokes:
            conn.execute(mend.encode())
        conn.execute("delete from procrastinate.procrastinate_jobs")
    assert cli("migrate")[0] == 0
    assert findings(cli) == []


def test_alerts_are_findings(cli: Cli, db: Database) -> None:
    code, out, said = cli("alerts", "ls")
    assert (code, said) == (1, "2 alerts\n")
    assert "no scheduler leads" in out
    assert {row["alert"] for row in json.loads(cli("alerts", "ls", "--json")[1])} == {
        "no_scheduler",
        "no_janitor",
    }
    with db.connect("server") as leader, db.connect("janitor"):
        leader.execute("select server_api.elect('scheduler')")
        assert cli("alerts", "ls") == (0, "", "all is well\n")


def test_the_doctor_knows_an_empty_database(cli: Cli, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEWRITER_ADMIN_DATABASE_URL", db.server.dsn("postgres"))
    (finding,) = findings(cli)
    assert finding["mend"] == "onewriter migrate"


WOUNDS = (
    "grant update (status) on procrastinate.procrastinate_jobs to onewriter_worker",
    "grant select on jobs.api_key to public",
    "revoke select on inspect.queues from onewriter_dba",
    "update jobs.alembic_version set version_num = '0001'",
    "update pg_proc set prosrc = 'select null::jsonb' where oid = 'jobs.mask'::regproc",
    "set role onewriter_api",
    "create function jobs.loose() returns integer language sql security definer as 'select 1'",
    "reset role",
    """insert into procrastinate.procrastinate_jobs (queue_name, task_name, status, worker_id, gate)
       values ('q', 't', 'doing', 77, 0)""",
    """do $$ begin execute format('alter role onewriter_test_worker in database %I set statement_timeout = 0',
                                  current_database()); end $$""",
)


class _Answer:
    """Standard input with one line."""

    def __init__(self, line: str) -> None:
        self._line = line

    def readline(self, *_: Any) -> str:
        return self._line

    def isatty(self) -> bool:
        return False


def findings(cli: Cli) -> list[dict[str, str]]:
    """Without those on the cluster's other databases, which other tests make and drop meanwhile."""
    code, out, _ = cli("doctor", "--json")
    found: list[dict[str, str]] = json.loads(out)
    assert code == (1 if found else 0)
    return [finding for finding in found if "connect to the database" not in finding["problem"]]
