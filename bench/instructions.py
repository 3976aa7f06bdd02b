"""`python -m bench.instructions [FILE.sql]`: PostgreSQL's instructions per claimed and per ended job.

Counted by valgrind in single-user mode, in batches of 400, so that a busy machine counts what a quiet
one does and a change of a few percent shows. FILE.sql is applied first: what an index, a constraint or a
storage parameter costs. The kernel's share is not in it. Needs valgrind.
"""

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.errors import Broken
from bench.peer import Work
from bench.peers.onewriter import Onewriter
from bench.server import Server, make_cluster
from devstack.accounts import run_as
from devstack.postgres import Cluster, environment
from devstack.state import ROOT, State

BATCH, FEW, MANY = 400, 2, 8
_TOTAL = re.compile(r"Collected : (\d+)")

# What single-user mode calls later: a session, and batches of claims for it to end.
_PREPARE = """
create table public.bench_session as
select (o ->> 'session')::bigint as id, o ->> 'secret' as secret
  from worker_api.open(null, 'bench', 300) as o;
create table public.bench_batch (n serial, ids bigint[], claims integer[]);
"""
_CLAIM = """
select length(worker_api.exchange(
           s.id, s.secret, null, null, null, null, null, null, null, {0}, {0}, true, null))
  from public.bench_session as s
"""
_KEEP = """
insert into public.bench_batch (ids, claims)
select array_agg(j.id), array_agg(j.claim_no) from procrastinate.procrastinate_jobs as j
 where j.status = 'doing' and not exists (select from public.bench_batch as b where j.id = any (b.ids))
"""
_END = """
select length(worker_api.exchange(
           s.id, s.secret, b.ids, b.claims, null, null, null, null, null, 0, 0, true, null))
  from public.bench_session as s, public.bench_batch as b where b.n = {}
"""


def count(variation: str) -> dict[str, float]:
    """Instructions per job, by what is done with it. Raises Broken."""
    if shutil.which("valgrind") is None:
        raise Broken("valgrind is not installed")
    with _prepared(variation) as (cluster, database):
        return {
            "claim": _per_job(cluster, database, lambda _: _CLAIM.format(BATCH)),
            "end": _per_job(cluster, database, _END.format),
        }


@contextlib.contextmanager
def _prepared(variation: str) -> Iterator[tuple[Cluster, str]]:
    """A stopped server with jobs that wait and jobs that run."""
    state = State(ROOT / ".dev")
    state.make()
    cluster = make_cluster(state)
    cluster.remove()
    cluster.prepare(None)
    try:
        peer = Onewriter(Server(cluster.start(), cluster.log))
        peer.install()
        with peer.server.connect(peer.database) as conn:
            conn.execute(variation.encode())
            peer.fill([Work(2 * MANY * BATCH)], lambda: None)
            conn.execute(_PREPARE.encode())
            for _ in range(MANY):
                conn.execute(_CLAIM.format(BATCH).encode())
                conn.execute(_KEEP.encode())
            conn.execute("vacuum analyze")
        cluster.stop()
        yield cluster, peer.database
    finally:
        cluster.remove()


def _per_job(cluster: Cluster, database: str, statement: Callable[[int], str]) -> float:
    few, many = (_instructions(cluster, database, [statement(n + 1) for n in range(k)]) for k in (FEW, MANY))
    return (many - few) / (MANY - FEW) / BATCH


def _instructions(cluster: Cluster, database: str, statements: list[str]) -> int:
    """On a copy, since each count begins with the same pages."""
    copy = cluster.data.with_name("bench-pg-copy")
    try:
        subprocess.run(["cp", "-a", cluster.data, copy], check=True)
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        command += [cluster.binaries.path("postgres"), "--single", "-D", str(copy), database]
        done = subprocess.run(
            command,
            input="\n".join(" ".join(statement.split()) for statement in statements) + "\n",
            capture_output=True,
            text=True,
            cwd="/",
            env=environment(),
            check=False,
            **run_as(cluster.account),
        )
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    total = _TOTAL.search(done.stderr)
    if done.returncode or total is None or "ERROR" in done.stderr:
        raise Broken(f"the count failed: {done.stderr[-300:]}")
    return int(total[1])


if __name__ == "__main__":
    given = Path(sys.argv[1]).read_text() if len(sys.argv) > 1 else ""
    for what, instructions in count(given).items():
        print(f"{what}: {instructions:,.0f} instructions per job")
