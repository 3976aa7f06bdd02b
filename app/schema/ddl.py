"""All DDL and grants as one script, made without a connection: `onewriter sql`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from psycopg import sql

from app.schema.migrate import alembic_config
from app.schema.paths import SQL
from app.schema.roles import BUNDLES, OWNER, PREDEFINED, SCHEMAS, role_name, with_prefix
from app.schema.sqlfiles import in_view_order, read_contract, read_grants
from app.settings import DEFAULT_ENVIRONMENT

_DROP_UNKNOWN = """
-- What Procrastinate's migrations made and no file of ours defines.
do $do$
declare
    f record;
begin
    for f in select p.oid::regprocedure as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              where n.nspname = 'procrastinate' and n.nspname || '.' || p.proname <> all (array[%s])
    loop
        execute format('drop routine %%s', f.name);
    end loop;
end $do$;"""


def script(role_prefix: str = "onewriter", folder: Path = SQL) -> str:
    """What `migrate` runs on an empty database, to read before it runs."""
    text = "\n".join([*_roles(), _revisions(), *_contract(folder)])
    return with_prefix(text, role_prefix)


def _roles() -> Iterator[str]:
    owner = role_name(OWNER, "onewriter")
    yield from (f"create role {role_name(bundle, 'onewriter')} nologin;" for bundle in BUNDLES)
    yield f"grant {', '.join(PREDEFINED)} to {owner};"
    for schema, comment in SCHEMAS.items():
        yield f"create schema {schema} authorization {owner};"
        yield f"comment on schema {schema} is {sql.Literal(comment).as_string(None)};"
    yield f"set role {owner};"
    yield f"alter default privileges for role {owner} revoke execute on functions from public;\n"


def _revisions() -> str:
    out = io.StringIO()
    config = alembic_config()
    config.output_buffer = out
    command.upgrade(config, "head", sql=True)
    return out.getvalue()


def _contract(folder: Path) -> Iterator[str]:
    files = read_contract(folder)
    yield "begin;\nset local search_path = pg_catalog, pg_temp;\nset local check_function_bodies = off;"
    for file in [*(f for f in files if not f.is_view), *in_view_order(files)]:
        yield f"\n{file.text.strip()}"
        kind = "view" if file.is_view else "function"
        comment = sql.Literal(file.comment).as_string(None)
        yield f"comment on {kind} {file.qualified} is {comment};"
    yield _DROP_UNKNOWN % ", ".join(f"'{file.qualified}'" for file in files)
    yield f"\n{read_grants(folder).strip()}"
    yield f"select jobs.arm({sql.Literal(DEFAULT_ENVIRONMENT).as_string(None)}, session_user);\ncommit;"
