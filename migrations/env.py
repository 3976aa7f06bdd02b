"""Alembic's environment: over a connection that `app.schema` hands in, or offline for `onewriter sql`."""

from __future__ import annotations

from typing import Any

from alembic import context


def configure(**where: Any) -> None:
    # A transaction per revision: the base revision needs several of its own.
    context.configure(
        version_table="alembic_version", version_table_schema="jobs", transaction_per_migration=True, **where
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    configure(dialect_name="postgresql", literal_binds=True)
else:
    configure(connection=context.config.attributes["connection"])
