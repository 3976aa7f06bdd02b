"""Arming: as what, and in which place, the jobs of a database may run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True)
class Environment:
    """`environment` and the rest are None in a database that never was armed."""

    environment: str | None
    quarantined: bool
    armed_in: str | None
    armed_at: datetime | None
    armed_by: str | None

    def sentence(self) -> str:
        if self.environment is None:
            return "quarantined: it was never armed"
        at = f"{self.armed_at:%Y-%m-%d %H:%M %Z}"
        was = f"armed as {self.environment} in the database {self.armed_in} on {at} by {self.armed_by}"
        return f"quarantined: a copy of one that was {was}" if self.quarantined else was


@dataclass(frozen=True)
class Pending:
    """What would run: ready and parked jobs, scheduled ones (due or not), those that are running."""

    ready: int
    due: int
    scheduled: int
    running: int


def read_environment(conn: Connection[Any]) -> Environment:
    found = (
        conn.cursor(row_factory=class_row(Environment))
        .execute("select * from inspect.environment()")
        .fetchone()
    )
    assert found is not None
    return found


def arm(conn: Connection[Any], environment: str, *, actor: str) -> None:
    """From now on jobs run here. `conn` acts as the owner. Raises OWV01."""
    conn.execute("select jobs.arm(%s, %s)", [environment, actor])


def arm_if_new(conn: Connection[Any], environment: str) -> None:
    """An installation is armed where it is made; what has been armed before is somebody's decision."""
    if read_environment(conn).environment is None:
        arm(conn, environment, actor="migrate")


def read_pending(conn: Connection[Any]) -> Pending:
    found = (
        conn.cursor(row_factory=class_row(Pending))
        .execute(
            """select count(*) filter (where status = 'todo' and gate <> 2) as ready,
                  count(*) filter (where status = 'todo' and gate = 2 and scheduled_at <= now()) as due,
                  count(*) filter (where status = 'todo' and gate = 2 and scheduled_at > now()) as scheduled,
                  count(*) filter (where status = 'doing') as running
             from procrastinate.procrastinate_jobs where status in ('todo', 'doing')"""
        )
        .fetchone()
    )
    assert found is not None
    return found
