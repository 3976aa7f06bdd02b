"""A database, the processes on it, and what a test asks of both; every wait is for a condition."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import pytest
from psycopg.rows import dict_row

from tests.support.cluster import Database
from tests.support.processes import Process, Processes, address

STATUSES: dict[Any, str] = {
    "doing": "running", "todo": "ready", ("todo", 2): "scheduled", ("todo", 3): "waiting",
}  # fmt: skip
ENDED = ("succeeded", "failed", "cancelled", "aborted")
Row = dict[str, Any]


class Stage:
    """Reads and enqueues as the server's login does; evidence comes from the DBA's."""

    def __init__(self, db: Database, processes: Processes) -> None:
        self.db = db
        self.processes = processes
        self.server = db.connect("server")
        self._reader = db.connect("server", row_factory=dict_row)
        self._dba = db.connect("dba", row_factory=dict_row)
        self._listener = db.connect("server")
        for channel in ("ow_job", "ow_any"):
            self._listener.execute(f"listen {channel}")

    # --- processes -----------------------------------------------------------------------------------

    def worker(self, *options: str, role: str = "worker", **settings: str) -> Process:
        """A worker whose session is open."""
        # A name belongs to one login: two of them on one host have two names.
        process = self.processes.worker(self.db.dsn(role), "-n", role, *options, **settings)
        self._up(process, lambda: self.sessions(process))
        return process

    def scheduler(self, **settings: str) -> Process:
        process = self.processes.scheduler(self.db.dsn("server"), **settings)
        self._up(process, lambda: "leading" in process.output())
        return process

    def api(self) -> str:
        """The URL of an API that accepts connections."""
        process = self.processes.api(self.db.dsn("server"))
        self._up(process, lambda: address(process))
        url = address(process)
        assert url is not None
        return url

    def _up(self, process: Process, met: Callable[[], Any]) -> None:
        self.until(lambda: met() or not process.running(), say=lambda: f"{process.log.name}: it isn't up")
        assert met(), process.output()  # it may have died of its first job meanwhile

    # --- jobs ----------------------------------------------------------------------------------------

    def enqueue(self, task: str, args: Row | None = None, **fields: Any) -> int:
        return self.enqueue_many([{"task": task, "args": args or {}, **fields}])[0]

    def enqueue_many(self, jobs: Iterable[Row]) -> list[int]:
        """As the API does: one call, then its signals."""
        rows = [{"queue": "default", "priority": 0, "args": {}, **job} for job in jobs]
        answer = self.server.execute("select server_api.enqueue_many(%s)", [json.dumps(rows)]).fetchone()
        assert answer is not None
        ids: list[int] = json.loads(answer[0])["ids"]
        self.notify(["ow_any", *{channel(row["queue"]) for row in rows}])
        return ids

    def cancel(self, job_id: int) -> None:
        answer = self.server.execute("select server_api.cancel(%s, 'tests', null)", [job_id]).fetchone()
        assert answer is not None
        self.notify(answer[0]["wake"])

    def notify(self, channels: Iterable[str]) -> None:
        for name in channels:
            self.server.execute(f'notify "{name}"'.encode())

    def job(self, job_id: int) -> Row:
        return self.rows("select * from server_api.job where id = %s", job_id)[0]

    def attempts(self, job_id: int) -> list[Row]:
        return self.rows("select * from server_api.attempt where job_id = %s order by claim_no", job_id)

    def statuses(self) -> dict[str, int]:
        """How many jobs have which status. From the table: the view looks at every fact of every job."""
        query = """select status::text, gate, count(*)::int as n
                     from procrastinate.procrastinate_jobs group by 1, 2"""
        counted: Counter[str] = Counter()
        for row in self._dba.execute(query):
            known = STATUSES.get(row["status"], row["status"])
            counted[STATUSES.get((row["status"], row["gate"]), known)] += row["n"]
        return dict(counted)

    def ready(self) -> int:
        """How many jobs are ready: cheap, however many have ended."""
        query = "select count(*) from procrastinate.procrastinate_jobs where status = 'todo' and gate < 2"
        row = self._dba.execute(query).fetchone()
        assert row is not None
        return int(row["count"])

    def rows(self, query: str, *params: Any) -> list[Row]:
        """As the server's login."""
        return self._reader.execute(query.encode(), params).fetchall()

    # --- evidence ------------------------------------------------------------------------------------

    def sessions(self, process: Process | None = None) -> list[Row]:
        """The sessions that a process has opened, or all; eldest first."""
        pid = None if process is None else process.pid
        query = """select * from inspect.workers
                    where %s::int is null or (info ->> 'pid')::int = %s order by session"""
        return self._dba.execute(query, (pid, pid)).fetchall()

    def late_results(self) -> list[Row]:
        return self._dba.execute("select * from inspect.late_results order by id").fetchall()

    def end_lease(self, process: Process) -> None:
        """Its lease ends now instead of some seconds later: the one thing done as a superuser."""
        admin = self.db.connect("admin")
        admin.execute(
            """update jobs.session set expires_at = clock_timestamp() - interval '1 ms'
                where (info ->> 'pid')::int = %s and closed_at is null and lost_at is null""",
            [process.pid],
        )
        admin.execute("notify ow_sched")
        admin.close()

    # --- waiting -------------------------------------------------------------------------------------

    def until(self, met: Callable[[], Any], timeout: float = 20, say: Callable[[], Any] = str) -> None:
        """Until the condition holds; looked at after every signal and twenty times a second."""
        deadline = monotonic() + timeout
        while not met():
            if monotonic() > deadline:
                pytest.fail(f"not within {timeout} s: {say()}\n{self.statuses()}\n{self.processes.logs()}")
            list(self._listener.notifies(timeout=0.05, stop_after=1))

    def ended(self, job_id: int, timeout: float = 20) -> Row:
        self.until(lambda: self.job(job_id)["status"] in ENDED, timeout, lambda: self.job(job_id))
        return self.job(job_id)

    def all_ended(self, timeout: float = 20) -> dict[str, int]:
        """Until no job is left; how many ended how."""
        self.until(lambda: not set(self.statuses()) - set(ENDED), timeout, lambda: "jobs are left")
        return self.statuses()

    def is_running(self, *job_ids: int) -> None:
        def met() -> bool:
            return all(self.job(job_id)["status"] == "running" for job_id in job_ids)

        self.until(met, say=lambda: [self.job(job_id) for job_id in job_ids])

    def asleep(self, process: Process) -> None:
        """Until it has nothing to do: its connection has been quiet for some round trips."""
        admin = self.db.connect("admin")
        query = """select 1 from pg_stat_activity as a join jobs.session as s on s.backend_pid = a.pid
                    where (s.info ->> 'pid')::int = %s and a.wait_event = 'ClientRead' and a.state = 'idle'
                      and a.state_change < clock_timestamp() - interval '50 ms'"""
        self.until(lambda: admin.execute(query, [process.pid]).fetchone(), say=lambda: "it doesn't sleep")
        admin.close()


def channel(queue: str) -> str:
    """The signal of a queue."""
    return f"ow_q_{hashlib.md5(queue.encode()).hexdigest()[:16]}"


def settled_once(stage: Stage) -> None:
    """Whatever was killed or cut, each job has exactly one accepted result, and none is stuck."""
    wrong = stage.rows(
        """select j.id, j.status, j.attempts,
                  count(a.job_id) filter (where a.status = 'succeeded') as succeeded
             from server_api.job as j left join server_api.attempt as a on a.job_id = j.id
            group by j.id, j.status, j.attempts
           having j.status <> 'succeeded' or count(a.job_id) filter (where a.status = 'succeeded') <> 1
           limit 10"""
    )
    assert wrong == [], stage.processes.logs()
