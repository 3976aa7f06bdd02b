"""`onewriter migrate`: roles, schemas, alembic's revisions, then the contract; touches nothing else."""

from __future__ import annotations

from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from app.schema import contract, logins, roles
from app.schema.environment import arm_if_new
from app.schema.paths import MIGRATIONS
from app.settings import DEFAULT_ENVIRONMENT

# One number for every onewriter: two migrates of one database come one after the other.
_LOCK = 0x6F77_6D69


def migrate(
    admin_dsn: str,
    *,
    role_prefix: str = "onewriter",
    revision: str = "head",
    environment: str = DEFAULT_ENVIRONMENT,
) -> None:
    """Brings the database of `admin_dsn` to `revision` and applies sql/ (only at head).

    A database that never was armed is armed as `environment`; a copy stays in quarantine.

    The login is a superuser, one with CREATEROLE and CREATE on the database, or, where the roles and
    schemas are there, a NOINHERIT member of the owner. Idempotent; safe to run twice at once.
    """
    with psycopg.connect(admin_dsn, autocommit=True) as conn:
        roles.ensure_roles(conn, role_prefix)
        roles.ensure_schemas(conn, role_prefix)
        become_owner(conn, role_prefix)
        roles.close_to_public(conn, role_prefix)
        conn.execute("select pg_advisory_lock(%s)", [_LOCK])
        roles.describe_schemas(conn)
        conn.execute("set lock_timeout = '30s'")
        run_revisions(conn, revision)
        if revision == "head":
            contract.apply(conn, role_prefix=role_prefix)
            arm_if_new(conn, environment)
            logins.record_settings(conn, role_prefix)


def become_owner(conn: psycopg.Connection[Any], role_prefix: str) -> None:
    """SET ROLE first: after hardening only the owner may take an advisory lock."""
    owner = sql.Identifier(roles.role_name(roles.OWNER, role_prefix))
    conn.execute(sql.SQL("set role {}").format(owner))
    conn.execute("set search_path = pg_catalog, pg_temp")


def run_revisions(conn: psycopg.Connection[Any], revision: str) -> None:
    """alembic over the connection at hand, upwards or (`-1`, a revision below) downwards."""
    conn.autocommit = False  # SQLAlchemy begins and commits
    engine = create_engine("postgresql+psycopg://", creator=lambda: conn, poolclass=StaticPool)
    with engine.connect() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        downwards = revision.startswith("-") or revision == "base"
        (command.downgrade if downwards else command.upgrade)(config, revision)
    conn.autocommit = True


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
