"""What a followed run looks like: a bar on a terminal, lines elsewhere."""

import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.cli.following import shown
from app.cli.job_following import _show as show_job
from app.cli.schedule_following import _show
from app.queries.notes import JobStream, Note
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
    with shown(quiet=quiet) as view:
        _show(view, replace(RUN, state="pending", members=None, open=None, note="after run 16"))
        _show(view, RUN)
        _show(view, RUN)
        _show(view, replace(RUN, state="finished", outcome="partial", open=0))
        _show(view, replace(RUN, state="skipped", note="superseded by run 18"))
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
    with shown(quiet=False) as view:
        _show(view, RUN)
    out = capsys.readouterr().out
    assert "2/3" in out and "\x1b" in out


def test_a_job_tells_its_state_its_progress_and_its_logs(capsys: pytest.CaptureFixture[str]) -> None:
    stream = JobStream(
        id=1, status="running", attempt=1, claim_no=1, abort_requested=False, started_at=NOW, note_claim=1,
        note_seq=2, said_at=NOW, task="t", queue="q", worker="w", run_at=None, finished_at=None, reason=None,
        progress=None, truncated_at=None,
    )  # fmt: skip
    log = {"level": "warning", "message": "odd", "page": 3}
    notes = [
        Note(claim_no=1, seq=1, kind="log", at=NOW, data=log),
        Note(claim_no=1, seq=2, kind="chunk", at=NOW, data="not shown"),
    ]
    with shown(quiet=False) as view:
        show_job(view, stream, notes)
        show_job(view, replace(stream, progress={"current": 1, "total": 4, "message": "reading"}), [])
        show_job(view, replace(stream, status="failed", reason="timeout", attempt=2), [])
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.endswith('warning  odd  {"page":3}')
    assert rest == ["running", "running 1 of 4: reading", "failed, run 2, timeout"]
