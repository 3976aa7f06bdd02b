"""Who holds our roles, and what else: a login is what all of its memberships let it do together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from psycopg import Connection

from app.schema.roles import BUNDLES, OWNER, role_name

# PostgreSQL's own roles that read, write or end what our logins must not.
POWERS = (
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_maintain",
    "pg_signal_backend",
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
    "pg_checkpoint",
    "pg_create_subscription",
)
# These see what others run, and get back what hardening takes from PUBLIC: a DBA may.
SIGHT = ("pg_monitor", "pg_read_all_stats", "pg_read_all_settings")
# The most powerful first: of two bundles a login loses the first.
_RANK = (OWNER, "server", "handler", "dba", "janitor", "producer", "worker")

# Whoever is a member of a bundle, the bundles themselves among them.
_HOLDERS = """
    select r.rolname, r.oid from pg_roles r
     where (r.rolname = any(%(bundles)s) or exists (
            select from unnest(%(bundles)s::text[]) b where pg_has_role(r.oid, b, {usage})))
       and r.rolname <> %(owner)s and r.rolname not like 'pg\\_%%'"""
# The first step of each way from a holder to a power; a way through a bundle is the bundle's own finding.
_POWERS = """
    with holder as ({holders} and not r.rolsuper)
    select quote_ident(h.rolname), array_agg(distinct p.rolname::text), quote_ident(s.rolname),
           {grantor} as by
      from holder h
      join pg_auth_members m on m.member = h.oid
      join pg_roles s on s.oid = m.roleid and s.rolname <> all(%(bundles)s)
      join pg_roles p on p.rolname = any(%(powers)s) and pg_has_role(m.roleid, p.oid, 'member')
     where not (p.rolname = any(%(sight)s) and pg_has_role(h.oid, %(dba)s, 'member'))
     group by 1, 3, 4 order by 1, 3"""
_ATTRIBUTES = """
    with holder as ({holders})
    select quote_ident(h.rolname), k.attribute from holder h join pg_roles r on r.oid = h.oid
     cross join lateral (values
           ('superuser', rolsuper), ('createrole', rolcreaterole), ('createdb', rolcreatedb),
           ('replication', rolreplication), ('bypassrls', rolbypassrls)) as k(attribute, there)
     where k.there and (not r.rolsuper or k.attribute = 'superuser' and exists (
           select from pg_auth_members m join pg_roles s on s.oid = m.roleid
            where m.member = r.oid and s.rolname = any(%(bundles)s)))
     order by 1, 2"""
_BUNDLES = """
    with holder as ({holders} and not r.rolsuper)
    select quote_ident(h.rolname), array_agg(b) from holder h, unnest(%(all)s::text[]) b
     where h.rolname <> all(%(all)s) and pg_has_role(h.oid, b, 'member')
     group by 1 having count(*) > 1 order by 1"""
_OWNED = """
    with holder as ({holders} and not r.rolsuper)
    select quote_ident(h.rolname), count(*), d.datdba::regrole::text
      from pg_shdepend s join holder h on h.oid = s.refobjid
      join pg_database d on d.datname = current_database()
     where s.deptype = 'o' and s.dbid = d.oid and not pg_has_role(h.oid, %(dba)s, 'member')
     group by 1, 3 order by 1"""


class Reach(NamedTuple):
    """A finding of the walk: what is wrong, and the statement that mends it."""

    problem: str
    mend: str


def walk(conn: Connection[Any], prefix: str) -> Iterator[Reach]:
    """Whatever a holder of our roles may do beside what its one bundle lets it."""
    yield from _powers(conn, prefix)
    for name, attribute in _ask(conn, prefix, _ATTRIBUTES):
        yield Reach(f"{name} has {attribute.upper()}", f"alter role {name} no{attribute};")
    for name, bundles in _ask(conn, prefix, _BUNDLES):
        first, *rest = sorted(bundles, key=[role_name(b, prefix) for b in _RANK].index)
        yield Reach(f"{name} is a member of {first} and of {', '.join(rest)}", f"revoke {first} from {name};")
    for name, count, owner in _ask(conn, prefix, _OWNED):
        yield Reach(f"{name} owns {count} objects of this database", f"reassign owned by {name} to {owner};")


def _powers(conn: Connection[Any], prefix: str) -> Iterator[Reach]:
    for name, powers, step, grantor in _ask(conn, prefix, _POWERS):
        what = step if step in powers else f"{', '.join(sorted(powers))} through {step}"
        yield Reach(f"{name} is a member of {what}", f"revoke {step} from {name}{grantor};")


def _ask(conn: Connection[Any], prefix: str, query: str) -> list[Any]:
    # Since 16 who makes a role is a member of it who may administer it and nothing else, and a membership
    # belongs to whoever gave it.
    detailed = conn.info.server_version >= 160_000
    text = query.replace("{holders}", _HOLDERS).format(
        usage="'usage'" if detailed else "'member'",
        grantor="' granted by ' || m.grantor::regrole::text" if detailed else "''",
    )
    every = [role_name(bundle, prefix) for bundle in BUNDLES]
    owner = role_name(OWNER, prefix)
    values = {
        "bundles": [bundle for bundle in every if bundle != owner],
        "all": every,
        "owner": owner,
        "powers": [*POWERS, *SIGHT],
        "sight": list(SIGHT),
        "dba": role_name("dba", prefix),
    }
    return conn.execute(text.encode(), values).fetchall()
