"""`python -m bench.tasks.raw DSN BATCH`: the least that can be called working off jobs."""

import signal
import sys
import time

import psycopg

from bench.tally import mine

_CLAIM = """
with next as materialized (
    select id from job where queue = 'bench' and status = 'todo'
     order by priority desc, id limit %s for update skip locked)
update job set status = 'doing', attempts = attempts + 1, started_at = now()
  from next where job.id = next.id
returning job.id, job.args
"""
_END = """
with ended as (
    update job set status = 'done', ended_at = now() where id = any (%s) returning id)
insert into result (job_id, worker, result) select id, 'raw', null from ended
"""


def work(dsn: str, batch: int) -> None:
    tally, slot = mine()
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=0) as conn:
        while True:
            jobs = conn.execute(_CLAIM, [batch]).fetchall()
            for _ in jobs:
                tally.count(slot)
            if jobs:
                conn.execute(_END, [[number for number, _ in jobs]])
            else:
                time.sleep(0.005)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    work(sys.argv[1], int(sys.argv[2]))
