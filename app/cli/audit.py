"""`onewriter audit ls|verify`."""

from __future__ import annotations

import re

import psycopg
import rich_click as click
from psycopg.rows import class_row

from app.cli.connection import Connection, as_server
from app.cli.output import json_option, show_json, show_rows
from app.queries import audit_chain
from app.queries.audit_chain import Line, Mark, Verdict

_MARK = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


@click.group
def audit() -> None:
    """Who did what by hand; append-only, each line chained to the one before."""


@audit.command
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@json_option
def ls(limit: int, as_json: bool) -> None:
    """List the newest entries."""
    with as_server() as conn:
        rows = conn.execute("select * from server_api.audit order by id desc limit %s", [limit]).fetchall()
    show_rows(rows, ("at", "actor", "action", "target", "reason"), as_json=as_json)


@audit.command
@click.option("--expect", metavar="ID:HASH", help="A head that was noted before; it must still be there.")
@json_option
@click.pass_context
def verify(ctx: click.Context, expect: str | None, as_json: bool) -> None:
    """Compute the chain anew; exit 1 with the first line that is not what was written.

    Note the ID:HASH it prints where no administrator of the database can change it.
    """
    noted = _mark(expect)
    with as_server() as conn:
        verdict = _verify(conn, noted)
    if as_json:
        show_json(verdict)
    else:
        click.echo(f"{verdict.lines} lines verified, up to {verdict.head.id}:{verdict.head.hash}")
    if verdict.problem:
        click.echo(verdict.problem, err=True)
    ctx.exit(1 if verdict.problem else 0)


def _verify(conn: Connection, expect: Mark | None) -> Verdict:
    """One snapshot of everything; the lines are streamed."""
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with conn.transaction():
        marks = conn.cursor(row_factory=class_row(Mark))
        head = marks.execute(audit_chain.HEAD).fetchone()
        start = marks.execute(audit_chain.START).fetchone() or audit_chain.GENESIS
        with conn.cursor("lines", row_factory=class_row(Line)) as lines:
            lines.execute(audit_chain.LINES)
            return audit_chain.verify(lines, start=start, head=head, expect=expect)


def _mark(text: str | None) -> Mark | None:
    if text is None:
        return None
    found = _MARK.fullmatch(text.strip().lower())
    if found is None:
        raise click.UsageError("--expect is ID:HASH, as `onewriter audit verify` prints it")
    return Mark(int(found[1]), found[2])
