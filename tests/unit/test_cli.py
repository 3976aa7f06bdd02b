"""The command line without a database: codes, one line per error, and what is printed where."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from app.cli import main
from app.cli.main import COMMANDS, explain, run
from app.cli.output import show_fields, show_json, show_rows
from app.errors import Invalid, JobGone, JobNotFound, NameTaken, Overloaded, UnknownTask
from app.schema.harden import NotHardened


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage: onewriter" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nonsense"], 2),
        (["keys", "create"], 2),
        (["keys", "create", "x", "--scope", "everything"], 2),
        (["keys", "create", "x", "--scope", "admin", "--expires-at", "tomorrow"], 2),
        (["keys", "create", "x", "--scope", "admin", "--expires-at", "2027-01-01T00:00:00"], 2),
        (["jobs", "show", "seven"], 2),
        (["jobs", "run-now", "7"], 2),
        (["jobs", "rm"], 2),
        (["logins", "create", "x", "--as", "superuser"], 2),
        (["migrate"], 2),
    ],
)  # fmt: skip
def test_usage_errors_are_one_line_and_two(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("onewriter: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (JobNotFound("there is no job 7"), 3),
        (JobGone("the job 7 is gone"), 3),
        (NameTaken("taken"), 4),
        (Invalid("no"), 2),
        (UnknownTask("no"), 2),
        (Overloaded("busy"), 1),
        (NotHardened("no effect"), 1),
        (OSError("gone"), 1),
        (psycopg.OperationalError("connection failed: no\nand more"), 1),
    ],
)
def test_errors_become_codes(error: Exception, code: int) -> None:
    line, found = explain(error)
    assert found == code
    assert line
    assert "\n" not in line


def test_a_setting_that_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONEWRITER_PORT", "http")
    assert run(["config", "show"]) == 2
    assert "ONEWRITER_PORT" in capsys.readouterr().err


def test_config_show_hides_passwords(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONEWRITER_DATABASE_URL", "postgresql://u:hush@h/d")
    assert run(["config", "show", "--json"]) == 0
    assert "hush" not in capsys.readouterr().out


def test_an_unreachable_server_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONEWRITER_DATABASE_URL", "postgresql://u:hush@127.0.0.1:1/d")
    assert run(["keys", "ls"]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "hush" not in captured.err


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.cli, "main", interrupted)
    assert run(["keys", "ls"]) == 130
    assert capsys.readouterr().err == "onewriter: interrupted\n"


def test_sql_needs_no_database(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ONEWRITER_ROLE_PREFIX", "acme")
    assert run(["sql"]) == 0
    out = capsys.readouterr().out
    assert "create role acme_worker nologin;" in out
    assert "grant execute on function worker_api.exchange to acme_worker;" in out
    assert "onewriter_worker" not in out


def test_ownership_needs_no_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ownership", "procrastinate_jobs"]) == 0
    out = capsys.readouterr().out
    assert "claim_no         jobs.claim  <- onewriter_worker" in out
    assert "jobs.session" not in out


def test_tables_are_aligned_and_cut(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"id": 1, "text": "x" * 99, "none": None}], ("id", "text", "none"), as_json=False)
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "text", "none"]
    assert row == f"1   {'x' * 59}…  -"


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([{"id": 1, "more": {"a": None}}], ("id",), as_json=True)
    assert '"more"' in capsys.readouterr().out
    show_json([])
    assert capsys.readouterr().out == "[]\n"


def test_fields_without_value_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    show_fields({"id": 1, "reason": None})
    assert capsys.readouterr().out == "id      1\n"
