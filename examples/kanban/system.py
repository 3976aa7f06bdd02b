"""What the story plays on: a queue, a board in a database of its own, the board's API, a login for each."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from app.schema.logins import create_login
from examples.support.api import Api
from examples.support.commands import make_key
from examples.support.own import moved, own_database, own_system, start_scheduler, url_of
from examples.support.processes import Process, Processes
from examples.support.story import say
from examples.support.system import ADMIN, HANDLER, SERVER, WORKER, System, logins

TASKS, HANDLERS = "examples.kanban.tasks", "examples.kanban.handlers"
DOMAIN = "ONEWRITER_DOMAIN_DATABASE_URL"
DATABASE = "onewriter_example_kanban_board"
# The board's API is no login of onewriter's; the other two only try what they may not.
LOGINS = {"kanban": "example_kanban_api", "dba": "example_kanban_dba", "producer": "example_kanban_producer"}


@dataclass(frozen=True, slots=True)
class Kanban:
    """`queue` and `board` are the DSNs of every login in either database; `api` is the board's."""

    system: System
    queue: Mapping[str, str]
    board: Mapping[str, str]
    api: Api

    def handlers(self) -> Process:
        """One of them; what they subscribe to is published already."""
        settings = {"ONEWRITER_HANDLERS": HANDLERS, DOMAIN: self.board["handler"]}
        return self.system.start("handlers", "handlers", "run", needs=(SERVER, HANDLER), **settings)

    def worker(self) -> Process:
        return self.system.worker("agents", "-q", "kanban", ONEWRITER_TASKS=TASKS)

    def check_domain(self) -> str:
        """What doctor says of the board's database."""
        domain = {DOMAIN: self.board["handler"]}
        return self.system.run("domain", "check", needs=(ADMIN,), **domain).strip() or "clean"

    def rows(self, query: str, *params: Any) -> list[dict[str, Any]]:
        """Evidence from the board's database, as the superuser sees it."""
        with psycopg.connect(self.board["admin"], row_factory=dict_row) as conn:
            return conn.execute(query.encode(), params).fetchall()


@contextmanager
def playground(processes: Processes) -> Iterator[Kanban]:
    """Nobody is at work but the scheduler and the board's API. All of it is dropped at the end."""
    admin = logins()[ADMIN]
    with (
        dropped(admin, *LOGINS.values()),
        own_database(DATABASE, admin),
        own_system("kanban", processes) as system,
    ):
        queue = {
            "admin": system.logins[ADMIN], "worker": system.logins[WORKER], "server": system.logins[SERVER],
            "handler": system.logins[HANDLER], **make_logins(system.logins[ADMIN]),
        }  # fmt: skip
        board = moved(queue, DATABASE)
        deploy(system, board)
        start_scheduler(system)
        yield Kanban(system, queue, board, start_api(system, board["kanban"]))


@contextmanager
def dropped(admin: str, *names: str) -> Iterator[None]:
    """At the end, when the databases in which they had rights are gone."""
    try:
        yield
    finally:
        with psycopg.connect(admin, autocommit=True) as conn:
            for name in names:
                conn.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))


def make_logins(admin: str) -> dict[str, str]:
    """Each with a new password, also where a killed run has left it."""
    made = {}
    with psycopg.connect(admin, autocommit=True) as conn:
        for kind, name in LOGINS.items():
            password = secrets.token_urlsafe()
            conn.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))
            if kind == "kanban":
                make = sql.SQL("create role {} login password {}")
                conn.execute(make.format(sql.Identifier(name), sql.Literal(password)))
            else:
                create_login(conn, name, kind, password)
            made[kind] = make_conninfo(admin, user=name, password=password)
    return made


def deploy(system: System, board: Mapping[str, str]) -> None:
    """The schema, who may write it, the agents' tasks, and what the handlers subscribe to."""
    with psycopg.connect(board["admin"]) as conn:
        conn.execute(Path(__file__).with_name("schema.sql").read_bytes())
    for words in (("prepare",), ("grant", "kanban", "--write", LOGINS["kanban"])):
        say(f"onewriter domain {' '.join(words)}")
        told = system.run("domain", *words, needs=(SERVER, ADMIN), **{DOMAIN: board["handler"]})
        for line in told.splitlines():
            say(f"   {line}")
    system.publish(TASKS, "kanban")
    system.run("handlers", "publish", needs=(SERVER,), ONEWRITER_HANDLERS=HANDLERS)


def start_api(system: System, database: str) -> Api:
    """The board's own, as anna uses it: its login, and a key for schedules alone."""
    settings = {
        "KANBAN_DATABASE_URL": database,
        "ONEWRITER_URL": system.api.url,
        "ONEWRITER_API_KEY": make_key(system.logins[SERVER], "kanban", scopes=["schedules:write"]),
    }
    process = system.processes.start("kanban", ("python", "-m", "examples.kanban.api"), settings)
    return Api(url_of(process), "anna")
