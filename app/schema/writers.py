"""Doctor's look at the promise itself: which login could write which table, here and where the domain is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psycopg import Connection
from psycopg.rows import scalar_row

from app.schema import outgoing
from app.schema.finding import Finding
from app.schema.inbox import COLUMNS, RIGHTS, TABLE
from app.schema.inbox import SCHEMA as INBOX
from app.schema.paths import SQL
from app.schema.roles import SCHEMAS, role_name

PREPARE = "onewriter domain prepare"

# The workers' logins: by membership, and by the names that they have where the queue is.
_LOGINS = """
    select r.oid, r.rolname from pg_roles r
     where r.rolcanlogin and (r.rolname = any(%(known)s)
           or not r.rolsuper and exists (select from pg_roles w where w.rolname = %(worker)s
                                            and pg_has_role(r.oid, w.oid, 'usage')))"""
_RIGHTS = (
    "select quote_ident(r.rolname), min(w), count(*) from ({logins}) r, {home}.write_rights(r.rolname) w"
    " group by 1 order by 1"
)
# A function of its owner's rights may write what its owner may. STABLE ones cannot: PostgreSQL refuses it.
_DOORS = """
    with writer as materialized (
        select o.oid, o.rolname from pg_roles o
         where o.rolsuper or exists (
               select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where c.relkind in ('r', 'p', 'v', 'f') and n.nspname not like 'pg\\_%%'
                  and n.nspname <> 'information_schema'
                  and (has_table_privilege(o.oid, c.oid, 'insert, update, delete, truncate')
                       or has_any_column_privilege(o.oid, c.oid, 'insert, update'))))
    select quote_ident(min(l.rolname)), count(*), p.oid::regprocedure::text, quote_ident(w.rolname)
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      join writer w on w.oid = p.proowner cross join ({logins}) l
     where p.prosecdef and p.provolatile = 'v'
       and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
       and n.nspname <> all(%(ours)s) and n.nspname not like 'pg\\_%%'
       and has_schema_privilege(l.oid, n.oid, 'usage') and has_function_privilege(l.oid, p.oid, 'execute')
       and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                                                 and d.deptype = 'e')
     group by p.oid, w.rolname order by 3"""
_MAKERS = """
    select quote_ident(min(l.rolname)), count(*), quote_ident(n.nspname)
      from pg_namespace n cross join ({logins}) l
     where n.nspname <> all(%(ours)s) and n.nspname not like 'pg\\_%%' and n.nspname <> 'information_schema'
       and has_schema_privilege(l.oid, n.oid, 'create')
     group by n.nspname order by 3"""
# What default privileges will give away with the next table.
_LATER = """
    select quote_ident(min(l.rolname)), count(distinct l.oid), string_agg(distinct a.privilege_type, ', '),
           quote_ident(o.rolname) || coalesce(' in schema ' || quote_ident(n.nspname), ''),
           case a.grantee when 0 then 'public' else quote_ident(min(g.rolname)) end
      from pg_default_acl d join pg_roles o on o.oid = d.defaclrole
      left join pg_namespace n on n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
      left join pg_roles g on g.oid = a.grantee cross join ({logins}) l
     where d.defaclobjtype = 'r' and a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
       and (a.grantee = 0 or pg_has_role(l.oid, a.grantee, 'member'))
     group by o.rolname, n.nspname, a.grantee order by 4, 5"""
_INBOX_COLUMNS = """
    select array_agg(attname::text order by attnum) from pg_attribute
     where attrelid = %s::regclass and attnum > 0 and not attisdropped"""
# Who writes the domain may ask for what follows; that no worker may is looked at with its other rights.
_INBOX_HOLDERS = """
    select coalesce(quote_ident(r.rolname), 'public'), lower(a.privilege_type), c.relname
      from pg_class c join pg_namespace n on n.oid = c.relnamespace,
           aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee
     where n.nspname = %(schema)s and a.grantee <> c.relowner
       and not (r.rolname is not distinct from %(handler)s and lower(a.privilege_type) = any(%(rights)s))
       and not (c.oid = to_regclass(%(outgoing)s) and r.rolname is not null and a.privilege_type = 'INSERT')
     union
    select coalesce(quote_ident(r.rolname), 'public'), lower(a.privilege_type) || ' (' || t.attname || ')',
           c.relname
      from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute t on t.attrelid = c.oid,
           aclexplode(t.attacl) a left join pg_roles r on r.oid = a.grantee
     where n.nspname = %(schema)s and a.grantee <> c.relowner
       and not (c.oid = to_regclass(%(outgoing)s) and r.rolname is not distinct from %(handler)s
                and a.privilege_type = 'UPDATE' and t.attname = any(%(noted)s))
     order by 1, 2, 3"""


def writing_logins(conn: Connection[Any], _prefix: str) -> Iterator[Finding]:
    """Superusers aside, no login may write a table of ours (the migrator has to SET ROLE first)."""
    rows = conn.execute(
        """select quote_ident(r.rolname), min(c.oid::regclass::text) from pg_roles r, pg_class c
           where r.rolcanlogin and not r.rolsuper and c.relkind in ('r', 'p')
             and c.relnamespace = any(%s::text[]::regnamespace[])
             and (has_table_privilege(r.oid, c.oid, 'insert, update, delete, truncate')
                  or has_any_column_privilege(r.oid, c.oid, 'insert, update'))
           group by 1 order by 1""",
        [list(SCHEMAS)],
    )
    for login, table in rows.fetchall():
        yield Finding(
            f"{login} may write {table}", f"alter role {login} noinherit; -- or revoke what it is a member of"
        )


def writing_workers(conn: Connection[Any], prefix: str) -> Iterator[Finding]:
    """In this database: by a right, by a function of somebody else's rights, by making something."""
    yield from _writing(conn, prefix, "jobs", [])


def in_domain(conn: Connection[Any], login: str, known: list[str], prefix: str) -> Iterator[Finding]:
    """The same where the domain is, and the inbox. `login` is the handlers', `known` names the workers'.

    `conn` is an admin's there; what this makes is gone with the transaction.
    """
    # The queue's own function: one truth about what a right to write is.
    file = (SQL / "jobs" / "write_rights.sql").read_text(encoding="utf-8")
    conn.execute(file.replace("jobs.write_rights", "pg_temp.write_rights").encode())
    for finding in (*_writing(conn, prefix, "pg_temp", known), *_inbox(conn, login, prefix)):
        yield Finding(f"in {conn.info.dbname}: {finding.problem}", finding.mend)


def worker_logins(conn: Connection[Any], prefix: str) -> list[str]:
    """The names of the workers' logins on this server."""
    return [name for _, name in conn.execute(_LOGINS.encode(), _values(prefix, [])).fetchall()]


def _writing(conn: Connection[Any], prefix: str, home: str, known: list[str]) -> Iterator[Finding]:
    bundle = role_name("worker", prefix)
    for login, right, count in _ask(conn, _RIGHTS.replace("{home}", home), prefix, known):
        more = f" (and {count - 1} more)" if count > 1 else ""
        mend = f"onewriter logins create NAME --as worker   # and take {bundle} from {login}"
        yield Finding(f"the worker login {login} could write: {right}{more}", mend)
    for login, count, function, owner in _ask(conn, _DOORS, prefix, known):
        problem = f"{_workers(login, count)} may call {function}, which writes with the rights of {owner}"
        mend = f"revoke execute on function {function} from public, {bundle}, {login};"
        yield Finding(problem, f"{mend} -- or declare it stable, if it only reads")
    for login, count, schema in _ask(conn, _MAKERS, prefix, known):
        problem = f"{_workers(login, count)} may make tables and functions in {schema}"
        yield Finding(problem, f"revoke create on schema {schema} from public, {bundle}, {login};")
    for login, count, rights, maker, role in _ask(conn, _LATER, prefix, known):
        problem = f"{_workers(login, count)} gets {rights} on tables that are yet made by {maker}"
        mend = f"alter default privileges for role {maker} revoke {rights} on tables from {role};"
        yield Finding(problem, mend)


def _inbox(conn: Connection[Any], login: str, prefix: str) -> Iterator[Finding]:
    for table, lacks in (
        (TABLE, "a handler could run twice for one event"),
        (outgoing.TABLE, "the domain cannot ask for what follows"),
    ):
        if _one(conn, "select to_regclass(%s) is null", table):
            yield Finding(f"there is no {table}: {lacks}", PREPARE)
            return
    if (found := _one(conn, _INBOX_COLUMNS, TABLE)) != list(COLUMNS):
        yield Finding(f"{TABLE} has the columns {', '.join(found)}", f"drop table {TABLE}; -- then {PREPARE}")
    yield from _handlers(conn, login, prefix)
    values = {
        "schema": INBOX, "handler": role_name("handler", prefix), "rights": list(RIGHTS),
        "outgoing": outgoing.TABLE, "noted": list(outgoing.NOTED),
    }  # fmt: skip
    for role, right, name in conn.execute(_INBOX_HOLDERS.encode(), values).fetchall():
        table = f"{INBOX}.{name}"
        yield Finding(f"{role} has {right} on {table}", f"revoke {right} on {table} from {role};")


def _handlers(conn: Connection[Any], login: str, prefix: str) -> Iterator[Finding]:
    worker = role_name("worker", prefix)
    facts = conn.execute(
        """select r.rolsuper,
                  (select bool_and(has_table_privilege(r.oid, t, p))
                     from unnest(%s::text[]) t, unnest(%s::text[]) p),
                  exists (select from pg_roles w where w.rolname = %s and pg_has_role(r.oid, w.oid, 'usage'))
             from pg_roles r where r.rolname = %s""",
        [[TABLE, outgoing.TABLE], list(RIGHTS), worker, login],
    ).fetchone()
    match facts:
        case None:
            yield Finding(f"the handlers' login {login} does not exist", PREPARE)
        case (True, _, _):
            mend = "name another login in ONEWRITER_DOMAIN_DATABASE_URL"
            yield Finding(f"the handlers' login {login} is a superuser", mend)
        case (_, _, True):
            yield Finding(f"the handlers' login {login} is a worker's too", f"revoke {worker} from {login};")
        case (_, False, _):
            yield Finding(f"the handlers' login {login} may not {', '.join(RIGHTS)} in {INBOX}", PREPARE)


def _workers(login: str, count: int) -> str:
    return f"the worker login {login}{f' (and {count - 1} more)' if count > 1 else ''}"


def _ask(conn: Connection[Any], query: str, prefix: str, known: list[str]) -> list[Any]:
    return conn.execute(query.replace("{logins}", _LOGINS).encode(), _values(prefix, known)).fetchall()


def _values(prefix: str, known: list[str]) -> dict[str, Any]:
    return {"worker": role_name("worker", prefix), "known": known, "ours": [*SCHEMAS, INBOX]}


def _one(conn: Connection[Any], query: str, *values: Any) -> Any:
    return conn.cursor(row_factory=scalar_row).execute(query.encode(), values).fetchone()
