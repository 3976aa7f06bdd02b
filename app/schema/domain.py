"""`onewriter domain grant|revoke|ls`: who may what on a team's own schema, here or in another database.

The handlers write, readers read, and no worker is ever let write. What others granted is doctor's to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import class_row, scalar_row

from app.errors import Invalid, NotFound
from app.schema.inbox import SCHEMA as INBOX
from app.schema.logins import let_connect
from app.schema.outgoing import let_ask, take_back
from app.schema.roles import SCHEMAS, repeat_on_race, role_exists, role_name

WRITE = "select, insert, update, delete"
READ = "select"

# On what is there, and (with its owner) on what is made later. A sequence's UPDATE (setval) is not given.
_LATER = "alter default privileges for role {owner} in schema {schema} "
_READS = (
    "grant usage on schema {schema} to {role}",
    "grant select on all tables in schema {schema} to {role}",
)
_WRITES = (
    *_READS,
    "grant insert, update, delete on all tables in schema {schema} to {role}",
    "grant usage, select on all sequences in schema {schema} to {role}",
)
_READS_LATER = (_LATER + "grant select on tables to {role}",)
_WRITES_LATER = (
    *_READS_LATER,
    _LATER + "grant insert, update, delete on tables to {role}",
    _LATER + "grant usage, select on sequences to {role}",
)
_TAKEN = (
    "revoke all on all tables in schema {schema} from {role}",
    "revoke all on all sequences in schema {schema} from {role}",
    "revoke all on schema {schema} from {role}",
)
_TAKEN_LATER = (
    _LATER + "revoke all on tables from {role}",
    _LATER + "revoke all on sequences from {role}",
)
# Whoever makes tables in it: the schema's owner, and the owners of those that are there.
_MAKERS = """
    select o.rolname from pg_namespace n join pg_roles o on o.oid = n.nspowner where n.nspname = %(schema)s
     union
    select o.rolname from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_roles o on o.oid = c.relowner
     where n.nspname = %(schema)s and c.relkind in ('r', 'p', 'v', 'm', 'f')"""
_DEFAULTS = """
    select distinct o.rolname from pg_default_acl d join pg_namespace n on n.oid = d.defaclnamespace
      join pg_roles o on o.oid = d.defaclrole, aclexplode(d.defaclacl) a
      join pg_roles r on r.oid = a.grantee
     where n.nspname = %(schema)s and r.rolname = %(role)s"""
# The handlers, the workers, and each login of either that was named in a grant.
_HOLDERS = """
    with acl as (
        select nspacl as acl from pg_namespace where nspname = %(schema)s
         union all
        select relacl from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname = %(schema)s
         union all
        select defaclacl from pg_default_acl d join pg_namespace n on n.oid = d.defaclnamespace
         where nspname = %(schema)s)
    select distinct r.rolname from acl, aclexplode(acl.acl) a join pg_roles r on r.oid = a.grantee
     where not r.rolsuper and exists (
           select from pg_roles b where b.rolname = any(%(bundles)s) and pg_has_role(r.oid, b.oid, 'usage'))
     order by 1"""
_WORKERS = """
    select r.rolname from pg_roles r join pg_roles w on w.rolname = %(worker)s and not r.rolsuper
       and pg_has_role(r.oid, w.oid, 'usage')
     where pg_has_role(r.oid, (select oid from pg_roles where rolname = %(role)s), 'member')
     order by r.rolcanlogin desc, 1 limit 1"""
_LACKS = """
    select quote_ident(n.nspname) || '.' || quote_ident(c.relname) from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      cross join unnest(string_to_array(%(rights)s, ', ')) p
     where n.nspname = %(schema)s and c.relkind in ('r', 'p', 'v', 'm', 'f')
       and not has_table_privilege(%(role)s, c.oid, p)
     limit 1"""
_WRITES_ELSEWHERE = """
    select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
      join pg_roles r on r.oid = a.grantee
     where r.rolname = %(role)s and a.privilege_type = 'INSERT' and n.nspname <> %(inbox)s limit 1"""
_UNUSED = """
    select not exists (select from pg_namespace n, aclexplode(n.nspacl) a join pg_roles r on r.oid = a.grantee
                        where r.rolname = %(role)s)
       and not exists (select from pg_namespace where nspname = 'jobs')"""
_LIST = """
    with relation as (
        select n.nspname, n.oid as schema, c.oid, c.relowner, c.relacl from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname <> all(%(ours)s)
           and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%%'),
    held as (
        select r.nspname, r.schema, r.oid, a.grantee, lower(a.privilege_type) as privilege
          from relation r, aclexplode(r.relacl) a where a.grantee <> r.relowner
         union
        select r.nspname, r.schema, r.oid, a.grantee, lower(a.privilege_type) || ' of columns'
          from relation r join pg_attribute t on t.attrelid = r.oid, aclexplode(t.attacl) a
         where a.grantee <> r.relowner)
    select h.nspname as schema, coalesce(g.rolname, 'public') as role,
           string_agg(distinct h.privilege, ', ') as rights, count(distinct h.oid) as tables,
           (select count(*) from relation r where r.schema = h.schema) as of,
           exists (select from pg_default_acl d, aclexplode(d.defaclacl) a
                    where d.defaclnamespace = h.schema and a.grantee = h.grantee) as to_come
      from held h left join pg_roles g on g.oid = h.grantee
     group by h.nspname, h.schema, h.grantee, g.rolname order by 1, 2"""


@dataclass(frozen=True)
class Right:
    """What a role holds in a schema: on `tables` of its `of` tables, and `to_come`: on those made later."""

    schema: str
    role: str
    rights: str
    tables: int
    of: int
    to_come: bool


def grant(
    conn: Connection[Any],
    schema: str,
    *,
    readers: Sequence[str] = (),
    writers: Sequence[str] = (),
    role_prefix: str = "onewriter",
) -> None:
    """Reading and writing for the handlers and `writers`, reading for `readers`; later tables included.

    `conn` is in autocommit, of the schema's owner or a superuser. Repeatable. Raises Invalid, NotFound.
    """
    _require_foreign(conn, schema)
    writing = [role_name("handler", role_prefix), *writers]
    for role in (*writing, *readers):
        _require_role(conn, role)
    for role in writing:
        _refuse_workers(conn, schema, role, role_prefix)
    for role in writing:
        _give(conn, schema, role, WRITE)
    for role in writers:
        let_ask(conn, role)
    for role in readers:
        _give(conn, schema, role, READ)


def revoke(
    conn: Connection[Any], schema: str, *, roles: Sequence[str] = (), role_prefix: str = "onewriter"
) -> list[str]:
    """Takes back what `roles` hold on it, or (none named) the handlers and every worker. Says whose it took.

    `conn` as for grant. Raises Invalid, NotFound.
    """
    _require_foreign(conn, schema)
    for role in roles:
        _require_role(conn, role)
    handler, worker = (role_name(bundle, role_prefix) for bundle in ("handler", "worker"))
    losers = list(roles) or _names(conn, _HOLDERS, schema=schema, bundles=[handler, worker])
    for role in losers:
        _run(conn, _TAKEN, schema=schema, role=role)
        for owner in _names(conn, _DEFAULTS, schema=schema, role=role):
            _run(conn, _TAKEN_LATER, schema=schema, role=role, owner=owner)
        if role != handler and not _names(conn, _WRITES_ELSEWHERE, role=role, inbox=INBOX):
            take_back(conn, role)
        _disconnect(conn, role)
    return losers


def list_rights(conn: Connection[Any]) -> list[Right]:
    """Whoever beside an owner holds a right on a table of a schema that isn't ours."""
    return conn.cursor(row_factory=class_row(Right)).execute(_LIST, {"ours": [*SCHEMAS, INBOX]}).fetchall()


def _give(conn: Connection[Any], schema: str, role: str, rights: str) -> None:
    now, later = (_WRITES, _WRITES_LATER) if rights == WRITE else (_READS, _READS_LATER)
    let_connect(conn, role)
    _run(conn, now, schema=schema, role=role)
    for owner in _names(conn, _MAKERS, schema=schema):
        _run(conn, later, schema=schema, role=role, owner=owner)
    # A GRANT by somebody who may not only warns.
    for table in _names(conn, _LACKS, schema=schema, role=role, rights=rights):
        raise Invalid(f"this login may not grant on {table}: use its owner's or a superuser's")


def _require_foreign(conn: Connection[Any], schema: str) -> None:
    if schema in (*SCHEMAS, INBOX):
        raise Invalid(f"{schema} is onewriter's own: grant on a schema of yours")
    if schema == "information_schema" or schema.startswith("pg_"):
        raise Invalid(f"{schema} is PostgreSQL's own: grant on a schema of yours")
    if not _names(conn, "select nspname from pg_namespace where nspname = %(schema)s", schema=schema):
        raise NotFound(f"there is no schema {schema} in the database {conn.info.dbname}")


def _require_role(conn: Connection[Any], role: str) -> None:
    if not role_exists(conn, role):
        raise NotFound(f"there is no role {role} on this server; onewriter's own: onewriter domain prepare")


def _refuse_workers(conn: Connection[Any], schema: str, role: str, prefix: str) -> None:
    for worker in _names(conn, _WORKERS, worker=role_name("worker", prefix), role=role):
        through = "" if worker == role else f" through {role}"
        raise Invalid(f"{worker} is a worker's and would write {schema}{through}: workers get --read only")


def _disconnect(conn: Connection[Any], role: str) -> None:
    """Out of a database where it has nothing left; the queue's own lets the bundles in anyway."""
    if _names(conn, _UNUSED, role=role) == [True]:
        take = sql.SQL("revoke connect on database {} from {}")
        database = sql.Identifier(conn.info.dbname)
        repeat_on_race(lambda: conn.execute(take.format(database, sql.Identifier(role))))


def _run(conn: Connection[Any], statements: Sequence[str], **names: str) -> None:
    """Each of them with the names quoted; another grant on the same objects may be under way."""
    quoted = {key: sql.Identifier(name) for key, name in names.items()}
    for text in statements:
        statement = sql.SQL(text).format(**quoted)
        repeat_on_race(lambda statement=statement: conn.execute(statement))  # type: ignore[misc]


def _names(conn: Connection[Any], query: str, **values: Any) -> list[Any]:
    with conn.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query.encode(), values).fetchall()
