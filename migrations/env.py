"""Alembic's environment: always over a connection that `app.schema` hands in, or offline for `onewriter sql`."""

from __future__ import annotations

from alembic import context

VERSIONS = {"version_table": "alembic_version", "version_table_schema": "jobs"}


def offline() -> None:
    context.configure(dialect_name="postgresql", literal_binds=True, transaction_per_migration=True, **VERSIONS)
    with context.begin_transaction():
        context.run_migrations()


def online() -> None:
    connection = context.config.attributes["connection"]
    # A transaction per revision: the base revision needs several of its own.
    context.configure(connection=connection, transaction_per_migration=True, **VERSIONS)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    offline()
else:
    online()
