"""The audit as a chain: what is changed behind the functions' backs is found, by the line where it begins."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from app.queries import audit_chain
from app.queries.audit_chain import GENESIS, Mark, Verdict
from app.schema.migrate import migrate
from tests.sql.test_verbs import call, refused
from tests.support.cluster import Database, Server

RECORD = "select server_api.record_audit(%s, %s, %s, %s, %s)"
ODD = '"quoted" \\ / \x07 \t\n \x7f ü \u2028 😀'


def record(conn: psycopg.Connection[Any], count: int = 1) -> None:
    for number in range(count):
        conn.execute(RECORD, ["me", "test", f"line {number}", ODD, '{"b": [1.50, "ü\\n"], "a": null}'])


def verified(db: Database, expect: Mark | None = None) -> Verdict:
    """As `onewriter audit verify` does it; the database's own function has to agree."""
    conn = db.connect("server")
    marks = psycopg.rows.class_row(Mark)
    verdict = audit_chain.verify(
        conn.cursor(row_factory=psycopg.rows.class_row(audit_chain.Line)).execute(audit_chain.LINES),
        start=conn.cursor(row_factory=marks).execute(audit_chain.START).fetchone() or GENESIS,
        head=conn.cursor(row_factory=marks).execute(audit_chain.HEAD).fetchone(),
        expect=expect,
    )
    row = db.connect("dba").execute("select bad_line from inspect.verify_audit()").fetchone()
    if expect is None:
        assert row == (verdict.bad_line,)
    return verdict


def behind(db: Database, *statements: str) -> None:
    """A superuser, with the triggers off."""
    with db.connect("admin") as admin:
        admin.execute("set session_replication_role = replica")
        for statement in statements:
            admin.execute(statement.encode())


@pytest.mark.pg15(soak=True)
def test_lines_follow_one_another(db: Database) -> None:
    start = verified(db)
    assert start.problem is None
    record(db.connect("server"), 3)
    verdict = verified(db)
    assert (verdict.lines, verdict.head.id, verdict.problem) == (start.lines + 3, start.head.id + 3, None)
    shown = (
        db.connect("dba").execute("select id, hash from inspect.audit order by id desc limit 1").fetchone()
    )
    assert shown == (verdict.head.id, verdict.head.hash)
    row = db.connect("server").execute("select * from inspect.verify_audit()").fetchone()
    assert row == (verdict.lines, verdict.head.id, verdict.head.hash, None)


FORGE = """
insert into jobs.audit (id, at, actor, login, action, target, hash)
select {id}, clock_timestamp(), 'me', 'me', 'test', 'x', a.hash from jobs.audit as a where a.id = 3"""
SWAP = """
update jobs.audit as a set target = b.target, at = b.at from jobs.audit as b
 where (a.id, b.id) in ((2, 3), (3, 2))"""
EXCHANGE = """
update jobs.audit as a set (at, actor, login, action, target, reason, detail, hash) =
    (select b.at, b.actor, b.login, b.action, b.target, b.reason, b.detail, b.hash from jobs.audit as b
      where b.id = 5 - a.id) where a.id in (2, 3)"""
BACK = """
update jobs.audit_head as h set (id, hash) = (select a.id, a.hash from jobs.audit as a where a.id = 4)"""
FORGERIES: dict[str, tuple[str, int]] = {
    "actor": ("update jobs.audit set actor = 'you' where id = 3", 3),
    "login": ("update jobs.audit set login = 'you' where id = 3", 3),
    "action": ("update jobs.audit set action = 'other' where id = 1", 1),
    "target": ("update jobs.audit set target = 'x' where id = 5", 5),
    "reason": ("update jobs.audit set reason = null where id = 3", 3),
    "reason to a word": ("update jobs.audit set reason = 'null' where id = 3", 3),
    "detail": ("update jobs.audit set detail = detail - 'a' where id = 3", 3),
    "detail's digits": ("update jobs.audit set detail = jsonb_set(detail, '{b,0}', '1.5') where id = 3", 3),
    "time": ("update jobs.audit set at = at + interval '1 microsecond' where id = 3", 3),
    "never": ("update jobs.audit set at = 'infinity' where id = 3", 3),
    "hash": ("update jobs.audit set hash = sha256('x') where id = 3", 3),
    "the first deleted": ("delete from jobs.audit where id = 1", 2),
    "the middle deleted": ("delete from jobs.audit where id = 3", 4),
    "the last deleted": ("delete from jobs.audit where id = 5", 5),
    "the last two deleted": ("delete from jobs.audit where id >= 4", 5),
    "all deleted": ("delete from jobs.audit", 5),
    "moved": ("update jobs.audit set id = 9 where id = 3", 4),
    "inserted before": (FORGE.format(id=0), 0),
    "inserted behind": (FORGE.format(id=6), 6),
    "swapped": (SWAP, 2),
    "exchanged whole": (EXCHANGE, 2),
    "no head": ("delete from jobs.audit_head", 5),
    "the head set back": (BACK, 4),
}  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_is_forged_is_found(db: Database, forgery: str) -> None:
    statement, bad = FORGERIES[forgery]
    record(db.connect("server"), 5)
    head = verified(db)
    assert (head.lines, head.problem) == (5, None)
    behind(db, statement)
    assert verified(db).bad_line == bad


def test_a_noted_head_finds_a_chain_that_was_written_anew(db: Database) -> None:
    """What only a note outside can find: every hash behind the change fits again."""
    record(db.connect("server"), 3)
    noted = verified(db).head
    behind(
        db,
        "delete from jobs.audit where id = 3",
        "update jobs.audit_head set id = 2, hash = (select hash from jobs.audit where id = 2)",
    )
    missing = verified(db, expect=noted)
    assert (verified(db).problem, missing.bad_line) == (None, 3)
    assert "is missing" in (missing.problem or "")
    record(db.connect("server"), 2)
    other = verified(db, expect=noted)
    assert (verified(db).problem, other.bad_line) == (None, 3)
    assert "not the one" in (other.problem or "")
    assert verified(db, expect=verified(db).head).problem is None


def grow_old(db: Database, last: int, days: int) -> None:
    """The lines up to `last` were written long ago, and the chain of them then."""
    behind(
        db,
        f"update jobs.audit set at = at - interval '{days} days' where id <= {last}",
        """do $$ declare l record; h bytea := decode(repeat('00', 32), 'hex');
           begin
             for l in select * from jobs.audit order by id loop
               h := jobs.audit_hash(
                   h, l.id, l.at, l.actor, l.login::text, l.action, l.target, l.reason, l.detail);
               update jobs.audit set hash = h where id = l.id;
             end loop;
             update jobs.audit_head set hash = h;
           end $$""",
    )


@pytest.mark.pg15(soak=True)
def test_pruning_moves_where_the_chain_begins(db: Database) -> None:
    server = db.connect("server")
    record(server, 5)
    grow_old(db, 3, 400)
    noted = verified(db).head
    assert call(server, "select server_api.prune_audit('365 days')") == 3
    assert call(server, "select server_api.prune_audit('365 days')") == 0
    rows = server.execute("select id, action, target from server_api.audit order by id").fetchall()
    assert [id_ for id_, *_ in rows] == [4, 5, 6]
    assert rows[-1][1:] == ("audit.prune", "lines up to 3")
    verdict = verified(db, expect=noted)
    assert (verdict.lines, verdict.problem) == (3, None)
    record(server)
    assert verified(db).problem is None
    assert "pruned since" in (verified(db, expect=Mark(2, "0" * 64)).problem or "")


def test_a_prune_that_nobody_made_is_found(db: Database) -> None:
    server = db.connect("server")
    record(server, 5)
    grow_old(db, 2, 400)
    call(server, "select server_api.prune_audit('365 days')")
    behind(db, "delete from jobs.audit where id = 3")
    assert verified(db).bad_line == 4
    behind(
        db,
        "update jobs.audit set detail = (select jsonb_build_object('id', 4, 'hash', encode(hash, 'hex'))"
        " from jobs.audit where id = 4), target = 'lines up to 4' where action = 'audit.prune'",
        "delete from jobs.audit where id = 4",
    )
    assert verified(db).bad_line == 6, "the line that says so is no line of the chain"


def test_lines_from_before_the_chain_are_chained(postgres: Server, db: Database) -> None:
    name = f"{db.name}_older"
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as conn:
        conn.execute(f"create database {name}")
        older = Database(postgres, name)
        try:
            migrate(older.dsn("admin"), revision="0002")
            with older.connect("admin") as admin:
                for line in range(3):
                    admin.execute(
                        "insert into jobs.audit (id, actor, login, action, target, detail)"
                        " overriding system value values (%s, 'me', 'me', 'test', 'x', '{}')",
                        [10 * line + 7],
                    )
            migrate(older.dsn("admin"))
            with older.connect("admin") as admin:
                row = admin.execute("select lines, head_id, bad_line from inspect.verify_audit()").fetchone()
                assert row == (3, 27, None)
                assert call(admin, "select jobs.record_audit('me', 'test', 'x', null)") == 28
        finally:
            older.close()
            conn.execute(f"drop database {name} with (force)")


def test_nobody_speaks_for_the_audit(db: Database) -> None:
    server = db.connect("server")
    for action in ("audit.prune", "audit.anything"):
        assert refused(server, RECORD, "me", action, "x", None, '{"id": 1, "hash": ""}')[0] == "OWV01"


def test_lines_about_pruning_bring_about_no_pruning(db: Database) -> None:
    """Else each prune would leave a line for the next one, for ever."""
    server = db.connect("server")
    record(server, 2)
    grow_old(db, 2, 400)
    assert call(server, "select server_api.prune_audit('365 days')") == 2
    with db.connect("admin") as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("update jobs.audit set at = at - interval '400 days'")
    assert call(server, "select server_api.prune_audit('365 days')") == 0
    record(server)
    with db.connect("admin") as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("update jobs.audit set at = at - interval '400 days' where id > 3")
    assert call(server, "select server_api.prune_audit('365 days')") == 2


def test_a_prefix_is_pruned_whatever_the_clock_did(db: Database) -> None:
    server = db.connect("server")
    record(server, 3)
    behind(db, "update jobs.audit set at = at - interval '400 days' where id in (1, 3)")
    assert call(server, "select server_api.prune_audit('365 days')") == 1
    assert [i for (i,) in server.execute("select id from server_api.audit order by 1").fetchall()] == [
        2,
        3,
        4,
    ]


@pytest.mark.pg15(soak=True)
def test_eight_writers_make_one_chain(db: Database) -> None:
    def write(connection: psycopg.Connection[Any]) -> Callable[[], None]:
        def run() -> None:
            for number in range(25):
                with connection.transaction(force_rollback=number % 3 == 0):
                    record(connection, 1 + number % 2)

        return run

    threads = [threading.Thread(target=write(db.connect("server"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = verified(db)
    kept = 8 * sum(1 + number % 2 for number in range(25) if number % 3)
    assert (verdict.lines, verdict.head.id, verdict.problem) == (kept, kept, None)
    times = [at for (at,) in db.connect("dba").execute("select at from inspect.audit order by id").fetchall()]
    assert times == sorted(times)


@pytest.mark.pg15(soak=True)
def test_an_old_snapshot_does_not_fork_the_chain(db: Database) -> None:
    server = db.connect("server")
    late = db.connect("server", autocommit=False)
    late.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    late.execute("select count(*) from server_api.audit")
    record(server)
    with pytest.raises(psycopg.errors.SerializationFailure):
        record(late)
    late.rollback()
    assert verified(db).lines == 1


@pytest.mark.parametrize("role", ["worker", "producer", "janitor"])
def test_who_may_look(db: Database, role: str) -> None:
    conn = db.connect(role)
    for query in (
        "select * from inspect.verify_audit()",
        "select * from server_api.audit_head",
        "select * from jobs.audit_head",
        "select jobs.audit_hash(null, 1, now(), '', '', '', '', '', '{}')",
        "select jobs.record_audit('me', 'x', 'x', null)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(query.encode())


@pytest.mark.parametrize("role", ["server", "dba"])
def test_nobody_writes_the_head(db: Database, role: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.connect(role).execute("update jobs.audit_head set id = 7")
