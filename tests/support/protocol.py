"""The protocol spoken by hand: a session without a worker, and jobs without the HTTP API."""

import json
from typing import Any

import psycopg

from tests.support.cluster import Database

FIELDS = (
    "id", "claim_no", "queue", "task", "args", "attempts", "priority", "lock", "queueing_lock",
    "scheduled_at", "timeout", "max_attempts", "crashes",
)  # fmt: skip


def job(**fields: Any) -> dict[str, Any]:
    """An item of enqueue_many."""
    return {"task": "echo", "queue": "default", "args": {}, **fields}


def enqueue(server: psycopg.Connection[Any], *jobs: dict[str, Any]) -> list[int]:
    """Enqueues as the API does; the ids in order (None where a unique index kept one out)."""
    answer = server.execute("select server_api.enqueue_many(%s)", [json.dumps(jobs)]).fetchone()
    assert answer is not None
    ids: list[int] = json.loads(answer[0])["ids"]
    return ids


def status(server: psycopg.Connection[Any], job_id: int) -> str:
    row = server.execute("select status from server_api.job where id = %s", [job_id]).fetchone()
    assert row is not None
    return str(row[0])


class Session:
    """One session of a worker login. Answers come as the worker would see them, jobs as dictionaries."""

    def __init__(
        self, db: Database, role: str = "worker", queues: list[str] | None = None, lease: int = 15
    ) -> None:
        self.connection = db.connect(role)
        opened = self._call("select worker_api.open(%s, %s, %s)", queues, f"tests/{role}", lease)
        self.id: int = opened["session"]
        self.secret: str = opened["secret"]

    def exchange(
        self,
        *,
        done: Any = None,
        retry: Any = None,
        release: Any = None,
        notes: Any = None,
        want: int = 0,
        free: int | None = None,
        alone: bool = True,
        floor: Any = None,
    ) -> dict[str, Any]:
        texts = [
            item if item is None or isinstance(item, str) else json.dumps(item)
            for item in (retry, release, notes)
        ]
        answer = self._call(
            "select worker_api.exchange(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            self.id, self.secret, *ends(done), *texts, want, want if free is None else free, alone,
            None if floor is None else json.dumps(floor),
        )  # fmt: skip
        columns = answer.pop("jobs", [])
        jobs = [dict(zip(FIELDS, row, strict=True)) for row in zip(*columns, strict=True)]
        answer["jobs"] = sorted(jobs, key=lambda job: (-job["priority"], job["id"]))
        return answer

    def claim(self, want: int = 1, **options: Any) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self.exchange(want=want, **options)["jobs"]
        return jobs

    def resume(self, held: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        given = json.dumps([[item["id"], item["claim_no"]] for item in held or []])
        answer = self._call("select worker_api.resume(%s, %s, %s)", self.id, self.secret, given)
        self.secret = answer.get("secret", self.secret)
        return answer

    def close(self) -> dict[str, Any]:
        return self._call("select worker_api.close(%s, %s)", self.id, self.secret)

    def _call(self, query: str, *params: Any) -> dict[str, Any]:
        row = self.connection.execute(query, params).fetchone()
        assert row is not None
        answer: dict[str, Any] = row[0] if isinstance(row[0], dict) else json.loads(row[0])
        return answer


def ends(items: list[list[Any]] | None) -> list[list[Any] | None]:
    """_done, _claims, _results, _failures of items as `done` makes them."""
    return [None] * 4 if not items else [list(column) for column in zip(*items, strict=True)]


def done(job: dict[str, Any], result: Any = None, how: str = "succeeded", **fields: Any) -> list[Any]:
    """An item of exchange's `done`."""
    failure = [how, fields.get("error"), fields.get("reason")]
    return [job["id"], job["claim_no"], None if result is None else json.dumps(result),
            None if how == "succeeded" else json.dumps(failure)]  # fmt: skip


def retry(job: dict[str, Any], delay: float | None = None, error: str = "boom", **fields: Any) -> list[Any]:
    """An item of exchange's `retry`."""
    return [job["id"], job["claim_no"], delay, error, fields.get("priority"), fields.get("queue"),
            fields.get("lock"), None]  # fmt: skip


def release(job: dict[str, Any]) -> list[Any]:
    """An item of exchange's `release`."""
    return [job["id"], job["claim_no"]]


def note(job: dict[str, Any], seq: int, data: Any, kind: str = "chunk") -> list[Any]:
    """An item of `notes` in exchange's `notes`: what was said travels as a JSON text."""
    return [job["id"], job["claim_no"], seq, kind, json.dumps(data)]


def progress(job: dict[str, Any], **value: Any) -> list[Any]:
    """An item of `progress` in exchange's `notes`."""
    return [job["id"], job["claim_no"], json.dumps(value)]


def expire_lease(db: Database, session: Session) -> None:
    """Makes a session late without waiting for it: the one thing that a test does as superuser."""
    db.connect("admin").execute(
        "update jobs.session set expires_at = clock_timestamp() - interval '1 ms' where id = %s", [session.id]
    )


def rescue(server: psycopg.Connection[Any]) -> dict[str, Any]:
    row = server.execute("select server_api.rescue()").fetchone()
    assert row is not None
    answer: dict[str, Any] = row[0]
    return answer
