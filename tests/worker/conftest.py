"""Real worker processes on a real database; tests wait for conditions, woken by the contract's NOTIFYs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.support.cluster import Database

ROOT = Path(__file__).parents[2]
_CHANNELS = ("ow_job", "ow_any")


class Bench:
    """One database with what a test of the worker asks of it."""

    def __init__(self, db: Database, folder: Path):
        self.db = db
        self.folder = folder
        self._server = db.connect("server")
        self._admin = db.connect("admin", row_factory=dict_row)
        self._listener = db.connect("server")
        for channel in _CHANNELS:
            self._listener.execute(f"listen {channel}")
        self.workers: list[Process] = []

    def enqueue(self, task: str, args: dict[str, Any] | None = None, **options: Any) -> int:
        return self.enqueue_many([{"task": task, "args": args or {}, **options}])[0]

    def enqueue_many(self, jobs: list[dict[str, Any]]) -> list[int]:
        """Ids, in order; the signal goes out as the API's would."""
        rows = [{"queue": "default", "priority": 0, "args": {}, **job} for job in jobs]
        answer = self._server.execute("select server_api.enqueue_many(%s)", (json.dumps(rows),)).fetchone()
        ids: list[int] = json.loads(answer[0])["ids"]
        self.notify({row["queue"] for row in rows})
        return ids

    def notify(self, queues: set[str]) -> None:
        names = self._admin.execute("select jobs.channels(%s) as names", (sorted(queues),)).fetchone()[
            "names"
        ]
        for name in names:
            self._server.execute(f'notify "{name}"')

    def job(self, job_id: int) -> dict[str, Any]:
        query = "select status, attempts, crashes, reason, error, queue from server_api.job where id = %s"
        row = self._admin.execute(query, (job_id,)).fetchone()
        assert row is not None
        return row

    def attempts(self, job_id: int) -> list[dict[str, Any]]:
        query = "select * from jobs.run where job_id = %s order by claim_no"
        return self._admin.execute(query, (job_id,)).fetchall()

    def outcome(self, job_id: int) -> tuple[str, Any]:
        """Status and result or reason of an ended job."""
        job = self.ended(job_id)
        last = self.attempts(job_id)[-1]
        return job["status"], last["result"] if job["status"] == "succeeded" else last["reason"]

    def ended(self, job_id: int, timeout: float = 20) -> dict[str, Any]:
        done = ("succeeded", "failed", "cancelled", "aborted")
        self.until(lambda: self.job(job_id)["status"] in done, timeout, lambda: self.job(job_id))
        return self.job(job_id)

    def until(self, met: Callable[[], Any], timeout: float = 20, say: Callable[[], Any] = str) -> None:
        """Waits for the condition; looked at again at every signal and at least ten times a second."""
        deadline = monotonic() + timeout
        while not met():
            if monotonic() > deadline:
                logs = "\n".join(f"--- {worker.log}\n{worker.output()}" for worker in self.workers)
                pytest.fail(f"not within {timeout} s: {say()}\n{logs}")
            list(self._listener.notifies(timeout=0.1, stop_after=1))

    def running(self, count: int) -> None:
        query = "select count(*) as n from server_api.job where status = 'running'"
        self.until(lambda: self.sql(query)[0]["n"] == count, say=lambda: self.sql(query))

    def sql(self, query: str, *params: Any) -> list[dict[str, Any]]:
        """As the owner: for evidence, and for making a lease end before its time."""
        cursor = self._admin.execute(query, params)
        return cursor.fetchall() if cursor.description else []

    def rescue(self) -> None:
        """What the scheduler does when leases have ended, without waiting for them."""
        self.sql("update jobs.session set expires_at = now() - interval '1 s' where closed_at is null")
        while json.loads(json.dumps(self._server.execute("select server_api.rescue()").fetchone()[0]))[
            "session"
        ]:
            pass
        self.notify({"default"})

    def start(self, *args: str, tasks: str = "tests.worker.sample_tasks", **settings: str) -> "Process":
        environ = {key: value for key, value in os.environ.items() if not key.startswith("ONEWRITER_")}
        environ |= {
            "ONEWRITER_WORKER_DATABASE_URL": self.db.dsn("worker"),
            "ONEWRITER_TASKS": tasks,
            "ONEWRITER_LEASE": "5",
            "ONEWRITER_HEARTBEAT": "1",
            "ONEWRITER_TIMEOUT_GRACE": "0.3",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        worker = Process(args, environ, self.folder / f"worker-{len(self.workers)}.log")
        self.workers.append(worker)
        return worker

    def drain(self, *args: str, **settings: str) -> "Process":
        """Runs a one-shot worker to its end."""
        worker = self.start("--one-shot", *args, **settings)
        assert worker.wait() == 0, worker.output()
        return worker

    def session(self, count: int = 1) -> dict[str, Any]:
        """The newest of `count` sessions, once it is open."""
        query = "select * from jobs.session order by id"
        self.until(lambda: len(self.sql(query)) >= count, say=lambda: "no session")
        return self.sql(query)[-1]


class Process:
    """`procrastinate --app=worker.main.app worker ...`"""

    def __init__(self, args: tuple[str, ...], environ: dict[str, str], log: Path):
        self.log = log
        command = [sys.executable, "-m", "procrastinate", "--app=worker.main.app", "worker", *args]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, env=environ, stdout=out, stderr=out, cwd=ROOT)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, timeout: float = 30) -> int:
        return self.process.wait(timeout)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def bench(db: Database, tmp_path: Path) -> Iterator[Bench]:
    one = Bench(db, tmp_path)
    yield one
    for worker in one.workers:
        if worker.process.poll() is None:
            worker.kill()


__all__ = ["Bench", "Process", "psycopg"]
