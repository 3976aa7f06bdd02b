"""The page sql/grants.sql as data, and the same of a live database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from app.schema.roles import SCHEMAS
from app.schema.sqlfiles import ContractError

PUBLIC = "public"

_STATEMENT = re.compile(
    r"grant\s+(?P<privilege>\w+)\s*(?:\((?P<columns>[^)]*)\))?\s+on\s+(?P<kind>schema|function|sequence)?\s*"
    r"(?P<objects>.*?)\s+to\s+(?P<roles>.*)",
    re.IGNORECASE | re.DOTALL,
)
_LIVE = """
    with ours as (select oid, nspname, nspacl, nspowner from pg_namespace where nspname = any(%s))
    select a.privilege_type, 'schema', n.nspname, a.grantee
      from ours n, aclexplode(n.nspacl) a where a.grantee <> n.nspowner
    union all
    select a.privilege_type, 'function', n.nspname || '.' || p.proname, a.grantee
      from pg_proc p join ours n on n.oid = p.pronamespace,
           aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee <> p.proowner
    union all
    select a.privilege_type, case c.relkind when 'S' then 'sequence' else '' end,
           n.nspname || '.' || c.relname, a.grantee
      from pg_class c join ours n on n.oid = c.relnamespace,
           aclexplode(c.relacl) a where a.grantee <> c.relowner
    union all
    select a.privilege_type, '', n.nspname || '.' || c.relname || '.' || t.attname, a.grantee
      from pg_attribute t join pg_class c on c.oid = t.attrelid join ours n on n.oid = c.relnamespace,
           aclexplode(t.attacl) a where a.grantee <> c.relowner"""


@dataclass(frozen=True, order=True)
class Grant:
    """`kind` is schema, function, sequence, or empty for a table or view; columns are schema.table.column."""

    privilege: str
    kind: str
    name: str
    role: str

    def revoke(self) -> str:
        """The statement that takes this right away."""
        privilege, name, kind = self.privilege, self.name, self.kind
        if not kind and name.count(".") == 2:
            name, _, column = name.rpartition(".")
            privilege = f"{privilege} ({column})"
        return f"revoke {privilege} on {kind} {name} from {self.role};".replace("  ", " ")


def read_page(text: str) -> frozenset[Grant]:
    """Every right that the page gives. Raises ContractError for a statement that isn't a plain grant."""
    bare = re.sub(r"--[^\n]*", "", text)
    statements = [statement.strip() for statement in bare.split(";") if statement.strip()]
    return frozenset(grant for statement in statements for grant in _read_statement(statement))


def live_grants(conn: Connection[Any]) -> frozenset[Grant]:
    """Every right on an object of our schemas that somebody beside the owner holds directly."""
    names = dict(conn.execute("select oid, rolname from pg_roles").fetchall())
    rows = conn.execute(_LIVE, [list(SCHEMAS)]).fetchall()
    return frozenset(
        Grant(privilege.lower(), kind, name, names.get(grantee, PUBLIC))
        for privilege, kind, name, grantee in rows
    )


def _read_statement(statement: str) -> Iterator[Grant]:
    match = _STATEMENT.fullmatch(statement)
    if match is None:
        raise ContractError(f"grants.sql holds plain grants only, not: {statement}")
    columns = _words(match["columns"]) or [""]
    for role in _words(match["roles"]):
        for name in _words(match["objects"]):
            for column in columns:
                full = f"{name}.{column}" if column else name
                yield Grant(match["privilege"].lower(), (match["kind"] or "").lower(), full, role)


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]
