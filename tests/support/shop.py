"""A team's own tables, and ends of jobs for its handlers: what was handled how often is counted in rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from app.schema.domain import grant
from tests.support.cluster import Database
from tests.support.protocol import Session, done, enqueue, job

TABLES = """
create schema shop;
create table shop.seen (
    id bigint generated always as identity, event_id bigint, job_id bigint, event text, key text, n integer);
"""
TASKS = {
    "catalogue": 1,
    "tasks": [
        {"name": "shop.order", "schema": {}},
        {
            "name": "shop.mail",
            "schema": {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]},
        },
    ],
}


class Shop:
    """`domain` is where the tables are: the queue's own database, or another."""

    def __init__(self, db: Database, domain: Database | None = None) -> None:
        self.db = db
        self.domain = domain or db
        self.admin = db.connect("admin")
        self._books = self.domain.connect("admin")
        self._books.execute(TABLES.encode())
        grant(self._books, "shop")
        self._server = db.connect("server")
        self._server.execute("select server_api.publish_tasks('shop', %s, 'tests')", [json.dumps(TASKS)])

    def end(
        self, many: int = 1, *, task: str = "shop.order", how: str = "succeeded", keys: Sequence[str] = ()
    ) -> list[int]:
        """So many jobs that have ended, `n` in the arguments of each; `keys` in turn."""
        ids = enqueue(
            self._server,
            *[job(task=task, args={"n": n}, key=keys[n % len(keys)] if keys else None) for n in range(many)],
        )
        session = Session(self.db)
        while held := session.claim(200):
            session.exchange(done=[done(item, {"n": item["args"].get("n")}, how) for item in held])
        session.close()
        self._server.execute("notify ow_out")
        return ids

    def seen(self, columns: str = "job_id, event, key, n") -> list[tuple[Any, ...]]:
        return self._books.execute(f"select {columns} from shop.seen order by id".encode()).fetchall()

    def once(self, job_ids: Sequence[int]) -> None:
        """Each of these, once, and no other."""
        counted = Counter(job_id for (job_id,) in self.seen("job_id"))
        assert counted == Counter(job_ids)

    def waiting(self) -> int:
        """Events that are neither acknowledged nor parked."""
        return self._count("select count(*) from jobs.outbox where parked_at is null")

    def parked(self) -> list[tuple[int, int, str]]:
        query = "select job_id, attempts, error from jobs.outbox where parked_at is not null order by id"
        return self.admin.execute(query).fetchall()

    def followed(self, task: str = "shop.mail") -> Counter[int]:
        """How many jobs of this task each job has brought about."""
        query = """select c.parent_id from procrastinate.procrastinate_jobs as j
                     join jobs.cause as c on c.id = j.cause_id
                    where j.task_name = %s and c.parent_id is not null"""
        return Counter(parent for (parent,) in self.admin.execute(query, [task]))

    def forget(self) -> None:
        """What was seen and what followed so far is not counted any more."""
        self._books.execute("truncate shop.seen")
        self.admin.execute("update jobs.cause set parent_id = null")

    def due_now(self) -> None:
        """What waits after a failure is due at once. What a handler holds is not waited for."""
        self.admin.execute(
            """update jobs.outbox set next_at = now() where id in (
                   select id from jobs.outbox where next_at is not null for update skip locked)"""
        )
        self._server.execute("notify ow_out")

    def _count(self, query: str) -> int:
        row = self.admin.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])


def note(event: Any) -> tuple[str, list[Any]]:
    """The statement by which a handler says what it was given."""
    values = [event.id, event.job.id, event.event, event.job.key, event.args.get("n")]
    return "insert into shop.seen (event_id, job_id, event, key, n) values (%s, %s, %s, %s, %s)", values
