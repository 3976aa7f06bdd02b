"""Workers that stop in the midst of an exchange: while its answer is on the way, or before it is read."""

from collections.abc import Iterator
from time import monotonic

import pytest

from tests.support.processes import SHORT, SILENT
from tests.support.protocol import Session, enqueue
from tests.support.proxy import Proxy
from tests.support.stage import Stage, settled_once
from tests.system.test_cut_sockets import proxied_worker

LEASE = float(SHORT["ONEWRITER_LEASE"])
LARGE = 60_000
JOBS = 4


@pytest.fixture
def proxy(stage: Stage) -> Iterator[Proxy]:
    with Proxy(stage.db.server.port) as proxy:
        yield proxy


@pytest.mark.pg15(soak=True)
def test_a_worker_stopped_inside_a_large_answer(stage: Stage, proxy: Proxy) -> None:
    """An answer fits into the sockets, so the claim is committed: its jobs come back with the lease."""
    stage.scheduler()
    frozen = proxied_worker(stage, proxy, "-c", str(JOBS))
    stage.asleep(frozen)
    proxy.stop_at(b'"jobs":')
    jobs = stage.enqueue_many([{"task": "sample.length", "args": {"text": "x" * LARGE}}] * JOBS)
    assert proxy.stopped.wait(10)
    frozen.freeze()
    other = stage.worker("-c", str(JOBS))
    assert stage.all_ended(LEASE + 10) == {"succeeded": JOBS}
    assert {stage.job(job)["result"] for job in jobs} == {LARGE}
    frozen.thaw()
    proxy.go_on()
    stage.until(lambda: len(stage.sessions(frozen)) == 2, say=lambda: "no new session")
    settled_once(stage)
    # What it had been given ran there too, in vain.
    lost = stage.sessions(frozen)[0]["session"]
    assert {row["session"] for row in stage.late_results()} <= {lost}
    assert frozen.stop() == other.stop() == 0


@pytest.mark.pg15(soak=True)
def test_a_backend_that_waits_for_its_client_in_a_claim_is_ended(stage: Stage) -> None:
    """An answer larger than the sockets keeps jobs and session locked, and no cancel reaches it."""
    stage.scheduler()
    stuck = Session(stage.db, lease=int(LEASE))
    (job,) = enqueue(stage.server, {"task": "sample.add", "queue": "default", "args": {"a": 1}})
    pgconn = stuck.connection.pgconn
    pgconn.send_query(
        b"select worker_api.exchange(%d, '%s', null, null, null, null, null, null, null, 1, 1, true, null),"
        b" repeat('x', 20000000)" % (stuck.id, stuck.secret.encode())
    )
    admin = stage.db.connect("admin")
    query = "select 1 from pg_stat_activity where pid = %s and wait_event = 'ClientWrite'"
    stage.until(lambda: admin.execute(query, [pgconn.backend_pid]).fetchone())
    worker = stage.worker("-c", "1", **SILENT)
    began = monotonic()
    assert stage.ended(job, LEASE + 2)["result"] == 2
    # The claim was never committed: nothing was lost, and a signal, not a heartbeat, brought it here.
    assert monotonic() - began < LEASE + 2 and len(stage.attempts(job)) == 1
    assert worker.stop() == 0


def test_a_rescued_jobs_late_result_is_refused_and_kept(stage: Stage, proxy: Proxy) -> None:
    """The result was on the way when the lease ended; another's counts, and this one is evidence."""
    stage.scheduler()
    late = proxied_worker(stage, proxy, "-c", "1")
    proxy.stop_at(b"a late result")
    job = stage.enqueue("sample.says", {"text": "a late result"})
    assert proxy.stopped.wait(10)
    other = stage.worker("-c", "1")
    ended = stage.ended(job, LEASE + 10)
    proxy.go_on()
    stage.until(stage.late_results, say=lambda: "nothing was kept")
    (kept,) = stage.late_results()
    lost, accepted = stage.attempts(job)
    assert (lost["status"], accepted["status"], ended["result"]) == ("lost", "succeeded", "a late result")
    assert (kept["job_id"], kept["claim_no"], kept["session"]) == (
        job, lost["claim_no"], stage.sessions(late)[0]["session"]
    )  # fmt: skip
    stage.until(lambda: len(stage.sessions(late)) == 2, say=lambda: "no new session")
    assert late.stop() == other.stop() == 0
