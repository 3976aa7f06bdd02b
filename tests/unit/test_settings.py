"""Ages in settings: how they are said, what is refused, how they are shown."""

from datetime import timedelta

import pytest

from app.cli.main import run
from app.settings import Settings, read_age, show_age


@pytest.mark.parametrize(
    ("said", "meant", "shown"),
    [
        ("7d", timedelta(days=7), "7d"),
        ("36 H", timedelta(hours=36), "36h"),
        ("90m", timedelta(minutes=90), "90m"),
        ("86400", timedelta(days=1), "1d"),
        ("61s", timedelta(seconds=61), "61s"),
        ("never", None, "never"),
        ("0", None, "never"),
        (0, None, "never"),
    ],
)
def test_an_age(said: str, meant: timedelta | None, shown: str) -> None:
    assert read_age(said) == meant
    assert show_age(meant) == shown


@pytest.mark.parametrize("said", ["", "soon", "-7d", "7 weeks", "1.5d", "d", "36501d", "1e3"])
def test_what_is_no_age(said: str) -> None:
    with pytest.raises(ValueError, match="never"):
        read_age(said)


def test_defaults() -> None:
    shown = Settings(_env_file=None).redacted()
    assert {name: value for name, value in shown.items() if "_PRUNE_" in name} == {
        "ONEWRITER_PRUNE_SUCCEEDED_AFTER": "7d",
        "ONEWRITER_PRUNE_FAILED_AFTER": "30d",
        "ONEWRITER_PRUNE_CANCELLED_AFTER": "30d",
        "ONEWRITER_PRUNE_ABORTED_AFTER": "30d",
        "ONEWRITER_PRUNE_WORKERS_AFTER": "30d",
        "ONEWRITER_PRUNE_RUNS_AFTER": "90d",
        "ONEWRITER_PRUNE_AUDIT_AFTER": "365d",
    }


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SUCCEEDED", "59s", "at least 1m, or never"),
        ("FAILED", "soon", "say it as 7d"),
        ("CANCELLED", "-1", "say it as 7d"),
        ("AUDIT", "29d", "at least 30d, or never"),
    ],
)
def test_a_wrong_age_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    says: str,
) -> None:
    monkeypatch.setenv(f"ONEWRITER_PRUNE_{name}_AFTER", value)
    assert run(["config", "show"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"onewriter: ONEWRITER_PRUNE_{name}_AFTER: ")
    assert says in error
    assert error.count("\n") == 1


def test_config_show_says_what_is_in_effect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONEWRITER_PRUNE_SUCCEEDED_AFTER", "48h")
    monkeypatch.setenv("ONEWRITER_PRUNE_FAILED_AFTER", "never")
    assert run(["config", "show"]) == 0
    out = capsys.readouterr().out
    assert "ONEWRITER_PRUNE_SUCCEEDED_AFTER=2d\n" in out
    assert "ONEWRITER_PRUNE_FAILED_AFTER=never\n" in out
    assert run(["config", "show", "--json"]) == 0
    assert '"2d"' in capsys.readouterr().out
