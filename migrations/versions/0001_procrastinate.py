"""Procrastinate's tables, made by the installed package's own numbered migrations up to 03.04.00_50.

Those files are upstream's immutable history (a test holds their hashes); files a later package adds are
left alone. Each runs in a transaction of its own, because later ones use enum values that earlier ones add.
"""

from __future__ import annotations

from importlib import resources

from alembic import context, op
from psycopg import Connection
from psycopg.rows import TupleRow

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MARK = "Procrastinate''s tables, extended by onewriter; upstream migrations up to"
LAST = "03.04.00_50_post_add_retry_failed_job_procedure.sql"


def package_migrations() -> list[tuple[str, str]]:
    """(file name, text) of upstream's migrations in order, up to LAST."""
    folder = resources.files("procrastinate.sql.migrations")
    files = sorted(f.name for f in folder.iterdir() if f.name.endswith(".sql") and f.name <= LAST)
    if not files or files[-1] != LAST:
        raise RuntimeError(f"the installed procrastinate has no migration {LAST}")
    return [(name, (folder / name).read_text(encoding="utf-8")) for name in files]


def upgrade() -> None:
    with op.get_context().autocommit_block():
        if context.is_offline_mode():
            _print_files()
        else:
            conn = op.get_bind().connection.driver_connection
            assert isinstance(conn, Connection)
            _run_files(conn)


def downgrade() -> None:
    """Leaves an empty schema, as before."""
    op.execute(
        """do $$
        declare thing record;
        begin
            for thing in select oid::regclass as name, relkind from pg_class
                where relnamespace = 'procrastinate'::regnamespace and relkind in ('r', 'v') loop
                execute format('drop %s if exists %s cascade',
                    case thing.relkind when 'v' then 'view' else 'table' end, thing.name);
            end loop;
            for thing in select oid::regprocedure as name from pg_proc
                where pronamespace = 'procrastinate'::regnamespace loop
                execute format('drop routine if exists %s cascade', thing.name);
            end loop;
            for thing in select oid::regtype as name from pg_type
                where typnamespace = 'procrastinate'::regnamespace and typtype in ('e', 'c', 'd')
                and (typrelid = 0
                     or exists (select from pg_class c where c.oid = typrelid and relkind = 'c')) loop
                execute format('drop type if exists %s cascade', thing.name);
            end loop;
        end $$"""
    )
    op.execute("comment on schema procrastinate is 'Procrastinate''s tables, extended by onewriter'")


def _run_files(conn: Connection[TupleRow]) -> None:
    done = _applied(conn)
    for name, text in package_migrations():
        if name > done:
            with conn.transaction():
                conn.execute("set local search_path = procrastinate")
                conn.execute(text.encode())  # no parameters: one message may hold many statements
                # The mark commits with the file, so that a killed run goes on where it stopped.
                conn.execute(f"comment on schema procrastinate is '{MARK} {name}'".encode())


def _applied(conn: Connection[TupleRow]) -> str:
    row = conn.execute(
        r"""select substring(obj_description(to_regnamespace('procrastinate'), 'pg_namespace')
                            from '\S+\.sql$')"""
    ).fetchone()
    return (row[0] if row else None) or ""


def _print_files() -> None:
    output = op.get_context().impl.static_output
    for name, text in package_migrations():
        output(
            f"-- procrastinate: {name}\nbegin;\n"
            f"set local search_path = procrastinate;\n{text.strip()}\ncommit;"
        )
