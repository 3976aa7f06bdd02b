"""What a followed run looks like: a bar on a terminal, lines elsewhere."""

import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.cli.schedule_following import _shown
from app.queries.schedules import Run

NOW = datetime(2027, 1, 1, tzinfo=UTC)
RUN = Run(
    id=17, schedule_id=1, schedule="nightly", trigger="manual", state="running", planned_at=NOW,
    requested_at=NOW, started_at=NOW, finished_at=None, duration=1.0, actor="cli:x", reason="x",
    request_id=None, args=None, force=False, missed=0, backfill_id=None, note=None, members=3, succeeded=1,
    failed=1, open=1, outcome=None, error=None,
)  # fmt: skip


@pytest.mark.parametrize("quiet", [False, True])
def test_lines_say_what_changed_and_nothing_else(capsys: pytest.CaptureFixture[str], quiet: bool) -> None:
    with _shown(quiet=quiet) as show:
        show(replace(RUN, state="pending", members=None, open=None, note="after run 16"))
        show(RUN)
        show(RUN)
        show(replace(RUN, state="finished", outcome="partial", open=0))
        show(replace(RUN, state="skipped", note="superseded by run 18"))
    lines = [
        "waiting (after run 16)",
        "running: 2 of 3 jobs ended, 1 failed",
        "partial: 3 of 3 jobs ended, 1 failed",
        "skipped: superseded by run 18",
    ]
    assert capsys.readouterr().out.splitlines() == ([] if quiet else lines)


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with _shown(quiet=False) as show:
        show(RUN)
    out = capsys.readouterr().out
    assert "2/3" in out and "\x1b" in out
