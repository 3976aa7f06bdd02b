"""Holds the ledger of runs against the timetable: each planned time once, as a run or as one missed."""

from __future__ import annotations

from datetime import datetime

from app.schedules import decode_definition, fires
from tests.support.cluster import Database


def account(db: Database, since: datetime, now: datetime) -> int:
    """How many planned times after `since` have their run; fails where one has none, or more than one."""
    admin, total = db.connect("admin"), 0
    for schedule_id, name, definition in admin.execute(
        "select id, name, effective from jobs.schedule order by id"
    ).fetchall():
        runs = admin.execute(
            """select planned_at, missed from jobs.schedule_run
                where schedule_id = %s and trigger in ('cron', 'catch-up') order by planned_at""",
            [schedule_id],
        ).fetchall()
        last = runs[-1][0] if runs else since
        planned = list(fires(decode_definition(definition), since, max(last, now), seed=schedule_id))
        # A fast clock may have fired what is still to come, but nothing whose time has come is left.
        fired = [fire.planned for fire in planned if fire.planned <= last]
        assert all(fire.wake > now for fire in planned[len(fired) :]), f"{name}: not fired"
        assert _accounted(runs, fired) == fired, name
        total += len(fired)
    admin.close()
    return total


def _accounted(runs: list[tuple[datetime, int]], fired: list[datetime]) -> list[datetime]:
    """The planned times that the runs stand for: each its own, and the `missed` ones just before it."""
    place = {planned: index for index, planned in enumerate(fired)}
    return [
        moment for planned, missed in runs for moment in fired[place[planned] - missed : place[planned] + 1]
    ]
