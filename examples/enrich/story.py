"""Entities come in with a name alone; workers look them up, handlers write what was found."""

import psycopg

from examples.enrich.register import TOWNS, register
from examples.support.own import own_system, start_scheduler
from examples.support.processes import Processes
from examples.support.story import chapter, check, say, table, until
from examples.support.system import ADMIN, SERVER, WORKER, System

TABLE = """
create schema entities;
create table entities.entity (
    id bigint generated always as identity primary key, name text not null, town text,
    state text not null default 'new', lookups int not null default 0
);
"""
NAMES = (*TOWNS, "nobody")
WRITE = "update entities.entity set town = 'Atlantis'"


def tell(processes: Processes) -> None:
    with own_system("enrich", processes) as system, register() as url:
        chapter("An entity service: its table, a worker, the handlers of its results, an outside API")
        prepare(system)
        start_scheduler(system)
        worker = system.worker("enrich", "-q", "enrich", ONEWRITER_TASKS="examples.enrich.tasks")
        system.handlers("examples.enrich.handlers")
        system.wait_for_sessions(worker)
        say(f"database onewriter_example_enrich · API {system.api.url} · register {url}")
        enrich(system, url)
        nobody_else_writes(system)


def prepare(system: System) -> None:
    """The team's own table, and the one login that may write it."""
    system.publish("examples.enrich.tasks", "enrich")
    with psycopg.connect(system.logins[ADMIN]) as conn:
        conn.execute(TABLE)
    system.run("domain", "grant", "entities", needs=(SERVER, ADMIN))


def enrich(system: System, url: str) -> None:
    chapter(f"1. {len(NAMES)} entities with a name; their jobs ask the register, which is busy now and then")
    insert = "insert into entities.entity (name) values (%s) returning id"
    with psycopg.connect(system.logins[ADMIN]) as conn:
        entities = [(conn.execute(insert, [name]).fetchone() or (0,))[0] for name in NAMES]
    for entity, name in zip(entities, NAMES, strict=True):
        args = {"entity": entity, "url": f"{url}/{name}"}
        system.api.post("/v1/jobs", {"task": "enrich.lookup", "args": args})
    open_ones = "select 1 from entities.entity where state not in ('welcomed', 'unknown')"
    until(lambda: not system.rows(open_ones), "every entity is welcomed or unknown", 40)
    rows = system.rows("select name, state, town, lookups from entities.entity order by id")
    table(("entity", "state", "town", "lookups"), [tuple(row.values()) for row in rows])
    check(all(row["town"] == TOWNS.get(row["name"]) for row in rows), "each has its own town")
    chapter("2. Who started what")
    jobs = system.rows(
        """select j.id, j.task, j.args ->> 'entity' as entity, coalesce(j.parent_id::text, '-') as after
             from server_api.job j order by j.id"""
    )
    table(("job", "task", "entity", "after job"), [tuple(row.values()) for row in jobs])


def nobody_else_writes(system: System) -> None:
    chapter(f"3. {WRITE}")
    for name, login in (("the worker's login", WORKER), ("the API's login", SERVER)):
        try:
            with psycopg.connect(system.logins[login]) as conn:
                conn.execute(WRITE)
        except psycopg.errors.InsufficientPrivilege as refused:
            say(f"{name}: {refused.diag.message_primary}")
        else:
            check(holds=False, promise=f"{name} may write no entity")
