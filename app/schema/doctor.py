"""Looks a live installation over; every finding comes with the line that mends it. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from alembic.script import ScriptDirectory
from psycopg import Connection

from app.schema import harden, writers
from app.schema.access import CLOSED, live_access, read_access
from app.schema.environment import read_environment
from app.schema.finding import Finding
from app.schema.grants import PUBLIC, live_grants, read_page
from app.schema.membership import walk
from app.schema.migrate import alembic_config, become_owner
from app.schema.roles import OWNER, PREDEFINED, SCHEMAS, role_name, with_prefix
from app.schema.sqlfiles import SqlFile, read_contract, read_grants

MIGRATE = "onewriter migrate"
OLDEST = 150_000
# How long NOTIFY may take before LISTEN counts as deaf.
_PATIENCE = 2.0
_BODY = re.compile(r"\bas\s+(\$\w*\$)(.*)\1", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Domain:
    """The domain's own database: an admin's DSN, and the handlers' login there."""

    admin_dsn: str
    login: str


def examine(
    admin_dsn: str,
    *,
    server_dsn: str | None = None,
    domain: Domain | None = None,
    role_prefix: str = "onewriter",
) -> list[Finding]:
    """Every finding; an empty list is a clean bill. `server_dsn` is also tried for LISTEN."""
    with psycopg.connect(admin_dsn, autocommit=True) as conn:
        if not _installed(conn, role_prefix):
            return [Finding("onewriter is not installed in this database", MIGRATE)]
        become_owner(conn, role_prefix)
        findings = [finding for check in CHECKS for finding in check(conn, role_prefix)]
        if server_dsn is not None:
            findings += listen_works(conn, server_dsn)
        if domain is not None:
            findings += in_domain(conn, domain, role_prefix)
    return findings


def examine_domain(admin_dsn: str, domain: Domain | None, *, role_prefix: str = "onewriter") -> list[Finding]:
    """Who could write what, and nothing else: in the queue's database and in the domain's own."""
    with psycopg.connect(admin_dsn, autocommit=True) as conn:
        become_owner(conn, role_prefix)
        findings = [*writers.writing_logins(conn, role_prefix), *writers.writing_workers(conn, role_prefix)]
        return findings + (in_domain(conn, domain, role_prefix) if domain else [])


def in_domain(conn: Connection[Any], domain: Domain, prefix: str) -> list[Finding]:
    """`conn` is where the queue is, which knows the workers' logins."""
    workers = writers.worker_logins(conn, prefix)
    with psycopg.connect(domain.admin_dsn) as there:
        findings = list(writers.in_domain(there, domain.login, workers, prefix))
        there.rollback()
    return findings


def migration_head(conn: Connection[Any], _prefix: str) -> Iterator[Finding]:
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    current = _column(conn, "select version_num from jobs.alembic_version")
    if current != [head]:
        yield Finding(
            f"the schema is at {', '.join(current) or 'no revision'}, this program wants {head}", MIGRATE
        )


def contract_drift(conn: Connection[Any], prefix: str) -> Iterator[Finding]:
    files = {file.qualified: file for file in read_contract()}
    views = _column(
        conn,
        """select relnamespace::regnamespace || '.' || relname from pg_class
           where relkind = 'v' and relnamespace = any(%s::text[]::regnamespace[])""",
    )
    live = conn.execute(
        """select pronamespace::regnamespace || '.' || proname, prosrc, prosecdef from pg_proc
           where pronamespace = any(%s::text[]::regnamespace[]) order by 1""",
        [list(SCHEMAS)],
    ).fetchall()
    present = {name for name, *_ in live} | set(views)
    for name in sorted(files.keys() ^ present):
        yield Finding(f"{name} is {'missing' if name in files else 'in no file of sql/'}", MIGRATE)
    for name, source, definer in live:
        if name in files and not _same(files[name], source, definer, prefix):
            yield Finding(f"{name} is not what sql/ says", MIGRATE)


def grant_drift(conn: Connection[Any], prefix: str) -> Iterator[Finding]:
    page, live = read_page(with_prefix(read_grants(), prefix)), live_grants(conn)
    for grant in sorted(page - live):
        yield Finding(f"{grant.role} lacks {grant.privilege} on {grant.name}", MIGRATE)
    for grant in sorted(live - page):
        yield Finding(
            f"{grant.role} has {grant.privilege} on {grant.name}, which no line grants", grant.revoke()
        )


def access_drift(conn: Connection[Any], prefix: str) -> Iterator[Finding]:
    """Rights beside our objects', which grant_drift compares; what PUBLIC still may is `hardened`'s."""
    known = {"schema", "function", "sequence", "relation", CLOSED}
    for right in sorted(live_access(conn, prefix) - read_access(prefix)):
        if right.kind not in known and not (right.kind in ("database", "language") and right.role == PUBLIC):
            problem = (
                f"{right.role} {right.privilege} {right.kind} {right.name}, which is not on the access page"
            )
            yield Finding(problem, right.mend)


def memberships(conn: Connection[Any], prefix: str) -> Iterator[Finding]:
    """Each right of a login adds up with those of every role that it is a member of."""
    yield from (Finding(*reach) for reach in walk(conn, prefix))


def pinned_paths(conn: Connection[Any], _prefix: str) -> Iterator[Finding]:
    names = _column(
        conn,
        """select oid::regprocedure::text from pg_proc p
           where prosecdef and pronamespace = any(%s::text[]::regnamespace[])
             and not exists (
                 select from unnest(proconfig) c where c ~ '^search_path=pg_catalog,.*pg_temp$')
           order by 1""",
    )
    for name in names:
        yield Finding(f"{name} runs as its owner without a pinned search_path", MIGRATE)


def owned_by_us(conn: Connection[Any], prefix: str) -> Iterator[Finding]:
    owner = role_name(OWNER, prefix)
    rows = conn.execute(
        """select oid::regclass::text from pg_class
           where relnamespace = any(%s::text[]::regnamespace[]) and relkind in ('r', 'v', 'S')
             and relowner <> %s::regrole
           order by 1""",
        [list(SCHEMAS), owner],
    )
    for (name,) in rows.fetchall():
        yield Finding(f"{name} does not belong to {owner}", f"alter table {name} owner to {owner};")


def worker_logins(conn: Connection[Any], _prefix: str) -> Iterator[Finding]:
    if _column(conn, "select to_regclass('inspect.worker_logins') is null") == [True]:
        return  # an older schema, which is a finding of its own
    rows = conn.execute(
        """select quote_ident(login), can_login from inspect.worker_logins
           where can_login = (revoked_at is not null) order by 1"""
    )
    for login, can_login in rows.fetchall():
        if can_login:
            yield Finding(f"the login {login} was revoked and may log in", f"alter role {login} nologin;")
        else:
            mend = f"onewriter workers login revoke {login}   # or: alter role {login} login;"
            yield Finding(f"the worker login {login} cannot log in and was not revoked", mend)


def quarantined(conn: Connection[Any], _prefix: str) -> Iterator[Finding]:
    """A database whose revision is older has no such function: that is another finding."""
    if _column(conn, "select to_regprocedure('inspect.environment()') is not null") == [True]:
        found = read_environment(conn)
        if found.quarantined:
            yield Finding(
                f"nothing runs here, {found.sentence()}", "onewriter arm   # after a look at what waits"
            )


def orphaned_jobs(conn: Connection[Any], _prefix: str) -> Iterator[Finding]:
    (count,) = _column(
        conn,
        """select count(*) from procrastinate.procrastinate_jobs j
           left join jobs.session s on s.id = j.worker_id and s.lost_at is null and s.closed_at is null
           where j.status = 'doing'
             and (s.id is null or s.expires_at < clock_timestamp() - interval '1 min')""",
    )
    if count:
        yield Finding(f"{count} running jobs have no live worker", "onewriter scheduler   # is it running?")


def no_janitor(conn: Connection[Any], prefix: str) -> Iterator[Finding]:
    found = conn.execute(
        """select from pg_roles r
           where r.rolcanlogin and not r.rolsuper and pg_has_role(r.oid, %s, 'usage') limit 1""",
        [role_name("janitor", prefix)],
    ).fetchone()
    if found is None:
        yield Finding(
            "there is no janitor's login: a worker's login can keep a transaction open for ever",
            "onewriter logins create janitor1 --as janitor   # for ONEWRITER_JANITOR_DATABASE_URL",
        )


def drifted_settings(conn: Connection[Any], _prefix: str) -> Iterator[Finding]:
    if _column(conn, "select to_regproc('jobs.setting_drift')") == [None]:
        return  # contract_drift says so
    rows = conn.execute("select login, setting, expected, found, mend from jobs.setting_drift()")
    for login, setting, expected, found, mend in rows.fetchall():
        yield Finding(f"{login} has {setting} {found or 'not set'}, not {expected}", mend)


def owner_lacks(conn: Connection[Any], prefix: str) -> Iterator[Finding]:
    owner = role_name(OWNER, prefix)
    for right, problem in PREDEFINED.items():
        if _column(conn, f"select pg_has_role('{owner}', '{right}', 'usage')") == [False]:
            yield Finding(problem, f"grant {right} to {owner};")


def hardened(conn: Connection[Any], prefix: str) -> Iterator[Finding]:
    steps = harden.plan(conn, role_prefix=prefix)
    if steps:
        yield Finding(f"PUBLIC still may: {'; '.join(step.reason for step in steps)}", "onewriter harden")


def other_databases(conn: Connection[Any], prefix: str) -> Iterator[Finding]:
    for name, _ in harden.open_databases(conn):
        if name != conn.info.dbname:
            line = f"host {name} +{role_name('worker', prefix)} all reject"
            mend = f"onewriter harden --cluster   # or a line in pg_hba.conf: {line}"
            yield Finding(f"a worker's login may connect to the database {name}", mend)


def server_version(conn: Connection[Any], _prefix: str) -> Iterator[Finding]:
    if conn.info.server_version < OLDEST:
        yield Finding(
            f"PostgreSQL {conn.info.server_version} is too old", "upgrade the server to 15 or later"
        )


def listen_works(conn: Connection[Any], server_dsn: str) -> list[Finding]:
    """A pooler in transaction mode accepts LISTEN and delivers nothing."""
    with psycopg.connect(server_dsn, autocommit=True) as listener:
        listener.execute("listen ow_doctor")
        conn.execute("notify ow_doctor")
        if any(True for _ in listener.notifies(timeout=_PATIENCE, stop_after=1)):
            return []
    mend = "point ONEWRITER_DATABASE_URL at the server itself, not at a pooler in transaction mode"
    return [Finding("LISTEN on the server's login hears nothing", mend)]


CHECKS: tuple[Callable[[Connection[Any], str], Iterator[Finding]], ...] = (
    server_version,
    migration_head,
    contract_drift,
    grant_drift,
    access_drift,
    memberships,
    pinned_paths,
    owned_by_us,
    writers.writing_logins,
    writers.writing_workers,
    worker_logins,
    owner_lacks,
    quarantined,
    orphaned_jobs,
    no_janitor,
    drifted_settings,
    hardened,
    other_databases,
)


def _same(file: SqlFile, source: str, definer: bool, prefix: str) -> bool:
    text = with_prefix(file.text, prefix)
    body = _BODY.search(text)
    wants_definer = re.search(r"\bsecurity\s+definer\b", text, re.IGNORECASE) is not None
    return body is not None and body[2] == source and wants_definer == definer


def _installed(conn: Connection[Any], prefix: str) -> bool:
    found = conn.execute(
        """select to_regrole(%s) is not null and exists (
               select from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where n.nspname = 'jobs' and c.relname = 'alembic_version')""",
        [role_name(OWNER, prefix)],
    ).fetchone()
    return bool(found and found[0])


def _column(conn: Connection[Any], query: str) -> list[Any]:
    """The first column; `%s`, where it stands, is our schemas."""
    return [row[0] for row in conn.execute(query.encode(), [list(SCHEMAS)] if "%s" in query else None)]
