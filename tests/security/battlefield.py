"""A database with something to steal, and the proof that nothing of it was touched."""

from __future__ import annotations

from typing import Any

import psycopg

from app.schema.roles import SCHEMAS
from tests.support.cluster import Database, login_name
from tests.support.protocol import Session, done, enqueue, job, note, progress

CATALOGUE = '{"catalogue": 1, "tasks": [{"name": "echo", "schema": {}}]}'
ARGUMENT, RESULT, ITEM, HASH = "canary-argument", "canary-result", "canary-late-item", "canary-key-hash"
SAID = "canary-note"
SIGNER = "whsec_canarycanarycanarycanarycanarycan"
# What an attack could have left in the catalogues: the columns looked at, and which rows.
_CATALOGUES = {
    "pg_class": (
        "oid, relname, relnamespace, relowner, relkind, relacl, reloptions, relrowsecurity, relhastriggers",
        "",
    ),
    "pg_proc": ("oid, proname, proowner, proacl, prosecdef, proconfig, proleakproof", ""),
    "pg_type": ("oid, typname, typnamespace, typowner, typacl", ""),
    "pg_namespace": ("*", ""),
    "pg_language": ("*", ""),
    "pg_cast": ("*", ""),
    "pg_operator": ("oid, oprname", ""),
    "pg_trigger": ("oid, tgname, tgenabled", ""),
    "pg_rewrite": ("oid, rulename, ev_class", ""),
    "pg_constraint": ("oid, conname", ""),
    "pg_policy": ("oid", ""),
    "pg_extension": ("oid, extname", ""),
    "pg_event_trigger": ("oid", ""),
    "pg_publication": ("oid", ""),
    "pg_default_acl": ("*", ""),
    "pg_description": ("*", "classoid <> 'pg_proc'::regclass"),
    "pg_largeobject_metadata": ("*", ""),
    "pg_database": ("datname, datdba, datacl", "datname = current_database()"),
    "pg_authid": ("*", "rolname like 'onewriter%'"),
    "pg_auth_members": ("*", "member::regrole::text like 'onewriter%'"),
    "pg_db_role_setting": (
        "*",
        "setrole::regrole::text like 'onewriter%' and setdatabase in (0, (select oid from pg_database where datname = current_database()))",
    ),
}


class Battlefield:
    """Jobs in every state under a victim's session, a key, the audit; canaries in whatever is secret."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.admin = db.connect("admin", prepare_threshold=None)
        server = db.connect("server")
        server.execute("select server_api.publish_tasks('here', %s, 'test')", [CATALOGUE])
        secret = {"token": ARGUMENT}
        enqueue(server, *[job(queue="victim", args=secret, lock=f"l{n}", key=f"k{n}") for n in range(5)])
        self.victim = Session(db, "worker2", queues=["victim"], lease=300)
        self.held, ended, unheard = self.victim.claim(3)
        said = note(self.held, 1, {"message": "m", "token": SAID}, "log"), note(self.held, 2, {"token": SAID})
        self.victim.exchange(
            done=[done(ended, {"token": RESULT}), done(unheard)],
            notes={"notes": said, "progress": [progress(self.held, token=SAID)]},
        )
        self.ended: int = ended["id"]
        (self.waiting,) = self._one(
            "select min(id) from procrastinate.procrastinate_jobs where status = 'todo'"
        )
        self.admin.execute(
            "insert into jobs.late_results (job_id, claim_no, session_id, login, item) values (1, 1, 1, 'x', %s)",
            [ITEM],
        )
        self.admin.execute(
            "insert into jobs.api_key (name, prefix, hash, scopes) values ('victim', 'ow_x', %s, '{admin}')",
            [HASH],
        )
        self.admin.execute(
            "insert into jobs.secret (name, value, tasks, updated_at, updated_by) values ('webhook/victim', %s, '{*}', now(), 'x')",
            [SIGNER],
        )
        self.admin.execute(
            "insert into jobs.webhook (name, url, events, secret, created_by, updated_by)"
            " values ('victim', 'https://victim.example', '{*}', 'webhook/victim', 'x', 'x')"
        )
        self.admin.execute(
            "insert into jobs.subscription (task, event, consumer) values ('x', '*', 'handlers')"
        )
        self.admin.execute(
            "insert into jobs.outbox (consumer, event, task, job_id, order_key, at, parked_at, error)"
            " values ('handlers', 'failed', 'x', %s, 'job', now(), now(), 'it raised')",
            [unheard["id"]],
        )
        self.admin.execute(
            "analyze procrastinate.procrastinate_jobs; analyze jobs.session; analyze jobs.api_key"
        )
        self.tables = self._tables()
        self._attackers: dict[str, psycopg.Connection[Any]] = {}

    @property
    def canaries(self) -> tuple[str, ...]:
        """No answer and no error of an attack may contain one of these."""
        return ARGUMENT, RESULT, SAID, ITEM, HASH, SIGNER, self.victim.secret

    def names(self, login: str) -> dict[str, Any]:
        """What an attack's statement may name."""
        (toast,) = self._one(
            "select reltoastrelid::regclass::text from pg_class"
            " where oid = 'procrastinate.procrastinate_jobs'::regclass"
        )
        return {
            "job": self.held["id"],
            "claim": self.held["claim_no"],
            "ended": self.ended,
            "waiting": self.waiting,
            "session": self.victim.id,
            "pid": self.victim.connection.info.backend_pid,
            "toast": toast,
            "db": self.db.name,
            "login": login_name(login),
            "bundle": f"onewriter_{login}",
        }

    def connection(self, login: str) -> psycopg.Connection[Any]:
        """The attacker's, of that login; the same one again while it lives."""
        if login not in self._attackers or self._attackers[login].closed:
            self._attackers[login] = self.db.connect(login, prepare_threshold=None)
        return self._attackers[login]

    def fingerprint(self, *, catalogues: bool = True, but: tuple[str, ...] = ()) -> dict[str, Any]:
        """Table -> a hash of its rows; of the catalogues what could be made, moved or granted."""
        asked = {name: ("*", "") for name in self.tables if name not in but}
        asked |= _CATALOGUES if catalogues else {}
        parts = [
            f"select '{name}', count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)"
            f" from (select {columns} from {name} where {condition or 'true'}) as t"
            for name, (columns, condition) in asked.items()
        ]
        rows = self.admin.execute(" union all ".join(parts).encode()).fetchall()
        return {name: facts for name, *facts in rows}

    def still_answers(self) -> bool:
        """The victim's session lives and the server takes a job."""
        alive = self.victim.exchange() == {"gone": False, "jobs": []}
        return alive and self._one("select 1") == (1,)

    def _tables(self) -> list[str]:
        rows = self.admin.execute(
            "select oid::regclass::text from pg_class where relkind = 'r' and relnamespace = any(%s::text[]::regnamespace[])",
            [list(SCHEMAS)],
        )
        return sorted(name for (name,) in rows)

    def _one(self, query: str) -> Any:
        return self.admin.execute(query.encode()).fetchone()


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The tables that are not what they were."""
    return sorted(name for name in before if before[name] != after.get(name))
