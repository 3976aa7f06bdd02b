"""What happened in the server and in some processes between two moments: CPU, WAL, commits."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from bench import cpu
from bench.figures import Sample
from bench.processes import Running
from bench.server import Server

# The benchmark's own connections are the superuser's.
_BACKENDS = """
select pid from pg_stat_activity
 where datname = %s and backend_type = 'client backend' and usename <> 'postgres'
"""
_COMMITS = """
select coalesce(sum(count), 0)::bigint from pg_get_wal_stats(%s::text::pg_lsn, %s::text::pg_lsn, true)
 where "resource_manager/record_type" = 'Transaction/COMMIT'
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU in nanoseconds."""

    lsn: str
    processes: int
    backends: dict[int, int]


class Meter:
    """`start` and `stop` once each; the watched processes and their backends are alive at both."""

    def __init__(self, server: Server, database: str, watched: Sequence[Running]) -> None:
        self._server, self._database, self._watched = server, database, watched
        self._first: Reading
        self._last: Reading

    def start(self) -> None:
        self._first = self._read()

    def stop(self) -> None:
        self._last = self._read()

    def backends_us(self) -> float:
        """Of all that were there at the end, whoever's they are."""
        first, last = self._first.backends, self._last.backends
        return sum(used - first.get(pid, 0) for pid, used in last.items()) / 1000

    def per_job(self, key: str, jobs: int) -> Sample:
        """Each name begins with `key`; microseconds and bytes."""
        first, last = self._first, self._last
        totals = {
            "process_us": (last.processes - first.processes) / 1000,
            "backend_us": self.backends_us(),
            "wal_bytes": self._server.one("select %s::pg_lsn - %s::pg_lsn", [last.lsn, first.lsn]),
            **self._commits(),
        }
        return {f"{key}_{name}": float(total) / jobs for name, total in totals.items()}

    def _read(self) -> Reading:
        with self._server.connect() as conn:
            pids = [pid for (pid,) in conn.execute(_BACKENDS, [self._database])]
        lsn = str(self._server.one("select pg_current_wal_insert_lsn()"))
        processes = sum(cpu.used(process.pid) for process in self._watched)
        return Reading(lsn, processes, {pid: cpu.used(pid) for pid in pids})

    def _commits(self) -> Sample:
        """Transactions that wrote, counted in the WAL; left out where the server has no pg_walinspect."""
        try:
            with self._server.connect() as conn:
                conn.execute("create extension if not exists pg_walinspect")
            self._server.one("select pg_switch_wal()")  # so that the last record lies in the past
            return {"commits": self._server.one(_COMMITS, [self._first.lsn, self._last.lsn])}
        except psycopg.Error:
            return {}
