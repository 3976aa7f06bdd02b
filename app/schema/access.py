"""Who may reach what beside our objects: databases, languages, types, the catalogue, roles, settings.

sql/access.txt is a hardened installation as data; `python -m app.schema.access DSN` prints a live one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import Connection

from app.schema.grants import PUBLIC, live_grants
from app.schema.paths import SQL
from app.schema.roles import BUNDLES, OWNER, SCHEMAS, role_name, with_prefix

CLOSED = "closed"

# Each query: kind, name, role (oid; 0 is PUBLIC), privilege, statement that takes it away ({} is the role).
# %(roles)s are our bundles, PUBLIC and pg_monitor, which keeps what hardening takes.
_QUERIES = (
    """select 'database', 'this database', a.grantee, lower(a.privilege_type),
              format('revoke %%s on database %%I from {};', a.privilege_type, d.datname)
         from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
        where d.datname = current_database() and a.grantee = any(%(roles)s)""",
    """select 'language', l.lanname, a.grantee, lower(a.privilege_type),
              format('revoke usage on language %%I from {};', l.lanname)
         from pg_language l, aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) a
        where l.lanpltrusted and a.grantee = any(%(roles)s)""",
    """select 'type', t.typnamespace::regnamespace || '.' || t.typname, a.grantee, lower(a.privilege_type),
              format('revoke usage on type %%s from {};', t.oid::regtype)
         from pg_type t left join pg_class c on c.oid = t.typrelid,
              aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) a
        where t.typnamespace = any(%(schemas)s::text[]::regnamespace[]) and a.grantee <> t.typowner
          and (t.typtype in ('e', 'd', 'r') or c.relkind = 'c')""",
    # What somebody has on the catalogue beside what initdb gave.
    """with now as materialized (
           select p.oid, p.proname, p.oid::regprocedure::text as signature, a.grantee
             from pg_proc p, aclexplode(p.proacl) a
            where p.pronamespace = 'pg_catalog'::regnamespace and p.proacl is not null
              and a.grantee = any(%(roles)s)
       ), initial as materialized (
           select i.objoid, b.grantee from pg_init_privs i, aclexplode(i.initprivs) b
            where i.classoid = 'pg_proc'::regclass)
       select 'catalogue function', n.proname, n.grantee, 'execute',
              'revoke execute on function ' || string_agg(n.signature, ', ') || ' from {};'
         from now n
        where (n.oid, n.grantee) not in (select objoid, grantee from initial)
          and (n.grantee <> 0 or n.oid in (select objoid from initial))
        group by n.proname, n.grantee""",
    """select 'catalogue relation', c.relname, a.grantee, lower(a.privilege_type),
              format('revoke %%s on pg_catalog.%%I from {};', a.privilege_type, c.relname)
         from pg_class c, aclexplode(c.relacl) a
        where c.relnamespace = 'pg_catalog'::regnamespace and a.grantee = any(%(roles)s) and not exists (
              select from pg_init_privs i, aclexplode(i.initprivs) b
               where i.objoid = c.oid and i.classoid = 'pg_class'::regclass and i.objsubid = 0
                 and b.grantee = a.grantee and b.privilege_type = a.privilege_type)""",
    # What initdb gave to PUBLIC and hardening took.
    """select distinct 'closed', 'function ' || p.proname, 0::oid, 'execute', ''
         from pg_proc p
        where p.pronamespace = 'pg_catalog'::regnamespace
          and not has_function_privilege('public', p.oid, 'execute')
          and not exists (select from pg_init_privs i
                           where i.objoid = p.oid and i.classoid = 'pg_proc'::regclass)""",
    """select 'closed', 'relation ' || c.relname, 0::oid, 'select', ''
         from pg_class c join pg_init_privs i on i.objoid = c.oid and i.classoid = 'pg_class'::regclass
              and i.objsubid = 0, aclexplode(i.initprivs) b
        where c.relnamespace = 'pg_catalog'::regnamespace and b.grantee = 0 and b.privilege_type = 'SELECT'
          and not has_table_privilege('public', c.oid, 'select')""",
    # Without a row of its own a new function of the owner would be everybody's.
    """select 'default', k.name || ' of ' || r.rolname, a.grantee, lower(a.privilege_type),
              format('alter default privileges for role %%I revoke %%s on %%s from {};',
                     r.rolname, a.privilege_type, k.name)
         from pg_roles r
        cross join (values ('functions', 'f', 'f'), ('tables', 'r', 'r'), ('sequences', 'S', 's'),
                           ('schemas', 'n', 'n')) as k(name, code, builtin)
         left join pg_default_acl d on d.defaclrole = r.oid and d.defaclnamespace = 0
              and d.defaclobjtype = k.code::"char",
              aclexplode(coalesce(d.defaclacl, acldefault(k.builtin::"char", r.oid))) a
        where r.oid = %(owner)s::regrole and a.grantee <> r.oid""",
    """select 'parameter', p.parname, a.grantee, lower(a.privilege_type),
              format('revoke %%s on parameter %%I from {};', a.privilege_type, p.parname)
         from pg_parameter_acl p, aclexplode(p.paracl) a where a.grantee = any(%(roles)s)""",
    """select 'role', k.attribute, r.oid, 'has', 'alter role {} no' || k.attribute || ';'
         from pg_roles r cross join lateral (values
              ('login', rolcanlogin), ('superuser', rolsuper), ('createrole', rolcreaterole),
              ('createdb', rolcreatedb), ('replication', rolreplication), ('bypassrls', rolbypassrls))
              as k(attribute, there)
        where k.there and r.rolname = any(%(bundles)s)""",
    """select 'setting', s.name, d.setrole, 'has', format('alter role {}%%s reset %%I;',
              case when d.setdatabase <> 0 then format(' in database %%I', current_database()) end, s.name)
         from pg_db_role_setting d, unnest(d.setconfig) c, split_part(c, '=', 1) as s(name)
        where d.setrole = any(%(roles)s) and d.setrole <> 0
          and d.setdatabase in (0, (select oid from pg_database where datname = current_database()))""",
    """select distinct 'member', m.roleid::regrole::text, m.member, 'is',
              format('revoke %%s from {};', m.roleid::regrole)
         from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname = any(%(bundles)s)""",
)


@dataclass(frozen=True, order=True)
class Right:
    """One line of the page; `mend` takes the right away and is no part of it."""

    kind: str
    name: str
    role: str
    privilege: str
    mend: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}: {self.role}: {self.privilege}"


def live_access(conn: Connection[Any], role_prefix: str = "onewriter") -> frozenset[Right]:
    """The rights of PUBLIC and our bundles as they are; `conn` is the owner's or a superuser's."""
    bundles = [role_name(bundle, role_prefix) for bundle in BUNDLES]
    names = dict(conn.execute("select oid, rolname from pg_roles").fetchall()) | {0: PUBLIC}
    quoted = dict(conn.execute("select oid, quote_ident(rolname) from pg_roles").fetchall()) | {0: PUBLIC}
    known = [oid for oid, name in names.items() if name in (*bundles, PUBLIC, "pg_monitor")]
    values = {
        "roles": known,
        "bundles": bundles,
        "schemas": list(SCHEMAS),
        "owner": role_name(OWNER, role_prefix),
    }
    rights = {
        Right(kind, name, names[role], privilege, mend.replace("{}", quoted[role]))
        for query in _QUERIES
        for kind, name, role, privilege, mend in conn.execute(query.encode(), values).fetchall()
    }
    ours = (Right(g.kind or "relation", g.name, g.role, g.privilege, g.revoke()) for g in live_grants(conn))
    return frozenset(rights.union(ours))


def access_page(rights: Iterable[Right]) -> str:
    """The page's text: a line per right, sorted."""
    return "".join(f"{right}\n" for right in sorted(rights))


def read_access(role_prefix: str = "onewriter") -> frozenset[Right]:
    """The committed page, with this installation's role names."""
    text = (SQL / "access.txt").read_text(encoding="utf-8")
    return frozenset(Right(*line.split(": ")) for line in with_prefix(text, role_prefix).splitlines())


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1]) as connection:
        sys.stdout.write(access_page(live_access(connection)))
