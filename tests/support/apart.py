"""A domain in a database of its own, on the queue's server."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.support.cluster import Database

# A team's schema, as it may look before anybody is granted anything.
BOARD = (
    "create schema board",
    "create table board.task (id bigint generated always as identity primary key, title text not null)",
    "create view board.titles as select title from board.task",
    "insert into board.task (title) values ('first')",
)


def make_board(conn: psycopg.Connection[object]) -> None:
    for statement in BOARD:
        conn.execute(statement.encode())


@contextmanager
def domain_database(db: Database) -> Iterator[Database]:
    """Closed to PUBLIC as a hardened cluster's are; nothing of onewriter's is in it."""
    name = sql.Identifier(f"{db.name}_apart")
    with psycopg.connect(db.dsn("admin"), autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(name))
        conn.execute(sql.SQL("revoke all on database {} from public").format(name))
        database = Database(db.server, f"{db.name}_apart")
        try:
            yield database
        finally:
            database.close()
            conn.execute(sql.SQL("drop database {} with (force)").format(name))
