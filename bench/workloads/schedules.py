"""What schedules cost while none is due, and how long many take that are due at one moment."""

import time
from datetime import UTC, datetime, timedelta

from bench.figures import Metric, Sample
from bench.peer import Idle, Peer
from bench.peers.onewriter import Onewriter
from bench.processes import background, wait_until
from bench.workload import Bench, Workload

PATIENCE = 300.0
# From the last definition to the moment they are all due: until then the scheduler has planned them.
AHEAD = 10.0
TITLE = "10,000 schedules, none due soon"

_CLEAR = "truncate jobs.schedule, jobs.schedule_run, jobs.schedule_member, jobs.backfill"
_PUT = """
select count(server_api.put_schedule(
           %s::text || n,
           json_build_object(%s::text, %s::json, 'target', '{"task": "bench.noop"}'::json)::text,
           0, 'bench', null, null))
  from generate_series(1, %s) as n
"""
_UNPLANNED = "select count(*) from jobs.schedule where planned_revision is distinct from revision"
_FIRED = "select count(*), max(created_at) from procrastinate.procrastinate_jobs where run_id is not null"


class Schedules(Workload):
    name = "schedules"
    title = "schedules"
    metrics = (
        Metric("idle", f"{TITLE}: the scheduler", "statements/min", higher_is_better=False, most=18.0),
        Metric("tick", "1,000 schedules due at one moment: until the last job is there", "ms",
               higher_is_better=False, most=1000.0),
    )  # fmt: skip
    once = True

    def offered_by(self, peer: Peer) -> bool:
        return isinstance(peer, Onewriter)

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        scheduler = _login(bench, peer, "scheduler")
        with peer.server.connect(peer.database) as conn:
            conn.execute(_CLEAR)
        _put(bench, peer, "idle", "cron", '"0 3 1 1 *"', bench.sizes.idle_schedules)
        with background(scheduler.command, bench.logs / f"bench-{peer.name}-schedules.log") as running:
            wait_until(lambda: _planned(peer), PATIENCE, "the plans", running)
            seconds = bench.sizes.idle_seconds
            with peer.server.counting_statements() as counted:
                time.sleep(seconds)
            due = datetime.now(UTC) + timedelta(seconds=AHEAD)
            _put(bench, peer, "due", "at", f'["{due.isoformat()}"]', bench.sizes.due_schedules)
            wait_until(lambda: _fired(peer)[0] == bench.sizes.due_schedules, PATIENCE, "the fires", running)
        late = _fired(peer)[1] - due
        return {"idle": counted[scheduler.login] * 60 / seconds, "tick": late.total_seconds() * 1000}


def _login(bench: Bench, peer: Peer, label: str) -> Idle:
    return next(idle for idle in peer.idle(bench.tally) if idle.label == label)


def _put(bench: Bench, peer: Peer, prefix: str, when: str, value: str, count: int) -> None:
    with peer.server.connect(peer.database, _login(bench, peer, "api").login) as conn:
        conn.execute(_PUT, [prefix, when, value, count])


def _planned(peer: Peer) -> bool:
    return bool(peer.server.one(_UNPLANNED, database=peer.database) == 0)


def _fired(peer: Peer) -> tuple[int, datetime]:
    with peer.server.connect(peer.database) as conn:
        row = conn.execute(_FIRED).fetchone()
    assert row is not None
    return row[0], row[1]
