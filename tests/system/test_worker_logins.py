"""A login per worker host, with real workers and the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Database
from tests.support.processes import Process
from tests.support.stage import Stage
from tests.system.conftest import Cli


@pytest.fixture
def host(cli: Cli, db: Database) -> Iterator[str]:
    """A name for a login; what is left of it goes with the test."""
    name = f"host_{os.getpid()}_{db.name.rpartition('_')[2]}"
    db.made.add(name)
    yield name
    cli("workers", "login", "revoke", name, "--yes", "--reason", "the test is over")
    cli("logins", "drop", name)


def publish(stage: Stage, **queues: list[str]) -> None:
    tasks = [{"name": name, "queue": queue} for queue, names in queues.items() for name in names]
    stage.server.execute(
        "select server_api.publish_tasks('here', %s, 'tests')",
        [json.dumps({"catalogue": 1, "tasks": tasks})],
    )


@pytest.mark.pg15(soak=True)
def test_a_login_is_made_listed_revoked_and_dropped(cli: Cli, host: str, db: Database) -> None:
    code, out, err = cli("workers", "login", "create", host, "--queues", "a, b", "--in-flight", "7", "--json")
    made = json.loads(out)
    assert (code, made["login"], made["granted"]) == (0, host, ["a", "b"]), err
    assert len(made["password"]) > 20
    assert cli("workers", "login", "create", host)[0] == 4
    (listed,) = json.loads(cli("workers", "login", "ls", "--json")[1])
    assert (listed["login"], listed["queues"], listed["in_flight"], listed["connection_limit"]) == (
        host, ["a", "b"], 7, 4,
    )  # fmt: skip
    assert made["password"] not in json.dumps(listed)
    assert host in {login["name"] for login in json.loads(cli("logins", "ls", "--json")[1])}
    assert cli("logins", "drop", host)[0] == 4, "a live one is revoked first"
    assert cli("workers", "login", "revoke", host, "--yes")[0] == 2, "a reason is mandatory"
    code, out, err = cli("workers", "login", "revoke", host, "--yes", "--reason", "moved")
    assert (code, out) == (0, f"revoked {host}: 0 sessions and 0 connections ended, 0 jobs went back\n"), err
    (listed,) = json.loads(cli("workers", "login", "ls", "--json")[1])
    assert (listed["can_login"], listed["revoke_reason"]) == (False, "moved")
    entries = json.loads(cli("audit", "ls", "--json")[1])[:2]
    assert [entry["action"] for entry in entries] == ["workers.login.revoke", "workers.login.create"]
    assert cli("logins", "drop", host)[0] == 0
    assert json.loads(cli("workers", "login", "ls", "--json")[1]) == []
    assert cli("workers", "login", "revoke", host, "--yes", "--reason", "x")[0] == 3
    assert cli("workers", "login", "revoke", "onewriter_test_server", "--yes", "--reason", "x")[0] == 3
    assert cli("workers", "login", "create", host, "--tasks", "a.*")[:1] == (0,), "its name is free again"


def test_what_a_new_login_may_not_claim_is_said(cli: Cli, host: str, stage: Stage, tmp_path: Path) -> None:
    publish(stage, billing=["billing.a"], mixed=["billing.b", "mail.send"])
    password = tmp_path / "password"
    password.write_text("from a file\n")
    code, out, err = cli(
        "workers", "login", "create", host, "--tasks", "billing.*", "--password-file", str(password)
    )
    assert (code, out) == (0, "")
    assert "it may claim from billing\n" in err
    assert "not from mixed: its task mail.send does not fit" in err


@pytest.mark.pg15(soak=True)
def test_a_restricted_worker_runs_its_queue_and_no_other(
    cli: Cli, host: str, stage: Stage, db: Database
) -> None:
    """Its worker is up before its tasks are published, and asks for all it may have."""
    assert cli("workers", "login", "create", host, "--tasks", "sample.n*")[0] == 0
    stage.worker(role=host)
    publish(stage, naps=["sample.nap"], sums=["sample.add"])
    other = stage.enqueue("sample.add", {"a": 1}, queue="sums")
    mine = stage.enqueue("sample.nap", {"seconds": 0}, queue="naps")
    assert stage.ended(mine)["status"] == "succeeded"
    assert stage.job(other)["status"] == "ready"
    refused = stage.processes.worker(db.dsn(host), "-q", "sums")
    assert refused.wait() == 2
    assert "may not claim from sums" in refused.output()


@pytest.mark.pg15(soak=True)
def test_revoking_while_a_job_runs_lets_it_run_elsewhere_at_once(
    cli: Cli, host: str, stage: Stage, tmp_path: Path
) -> None:
    """The lease is three minutes long: what brings the job back is the revocation, and no scheduler runs."""
    flag = tmp_path / "now"
    assert cli("workers", "login", "create", host, "--queues", "default")[0] == 0
    stolen = stage.worker(role=host, ONEWRITER_LEASE="180", ONEWRITER_HEARTBEAT="60")
    job = stage.enqueue("sample.waits_for", {"file": str(flag)})
    stage.is_running(job)
    stage.worker("-c", "1", ONEWRITER_LEASE="180", ONEWRITER_HEARTBEAT="60")
    code, out, err = cli("workers", "login", "revoke", host, "--yes", "--reason", "stolen", "--json")
    ended = json.loads(out)
    assert (code, ended["sessions"], ended["jobs"]) == (0, 1, 1), err
    assert 1 <= ended["connections"] <= 2
    stage.is_running(job)
    flag.touch()
    assert stage.ended(job)["status"] == "succeeded"
    assert [attempt["status"] for attempt in stage.attempts(job)] == ["lost", "succeeded"]
    assert stage.late_results() == []
    still_out(stage, stolen)


def still_out(stage: Stage, stolen: Process) -> None:
    """The worker's process still runs and tries to come back; it can't."""
    stage.until(lambda: "not permitted to log in" in stolen.output(), say=stolen.output)
    assert [session["state"] for session in stage.sessions(stolen)] == ["lost"]
