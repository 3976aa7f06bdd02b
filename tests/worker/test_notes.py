"""What tasks say while they run: real workers, and what the database has of it."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.proxy import Moment, Proxy
from tests.worker.conftest import Bench, Process

TASKS = "tests.worker.note_tasks"


@pytest.fixture
def proxy(bench: Bench) -> Iterator[Proxy]:
    with Proxy(bench.db.server.port) as proxy:
        yield proxy


def said(bench: Bench, job: int) -> list[tuple[int, int, str, Any]]:
    query = "select claim_no, seq, kind, data from server_api.note where job_id = %s order by claim_no, seq"
    return [tuple(row.values()) for row in bench.sql(query, job)]


def chunks(bench: Bench, job: int, claim: int = 1) -> list[Any]:
    return [data for no, _, kind, data in said(bench, job) if kind == "chunk" and no == claim]


def stream(bench: Bench, job: int) -> dict[str, Any]:
    return bench.sql("select * from server_api.stream where job_id = %s", job)[0]


def start(bench: Bench, *args: str, **settings: str) -> Process:
    return bench.start(*args, tasks=TASKS, **settings)


def test_whatever_was_said_before_the_end_is_stored_with_it(bench: Bench) -> None:
    """More than an exchange carries, so that ends wait for theirs; and tasks that say nothing."""
    jobs = {n: bench.enqueue("notes.speaks", {"chunks": n, "to": "öü"}) for n in (0, 1, 700, 2500)}
    threads = bench.enqueue("notes.speaks_sync", {"threads": 4, "each": 300})
    wordless = bench.enqueue("notes.tracks", {"items": 0})
    watched = Watched(bench, [*jobs.values(), threads])
    start(bench, "-c", "3")
    bench.until(watched.complete)
    assert watched.early == []
    for count, job in jobs.items():
        log, *rest = said(bench, job)
        assert log == (1, 1, "log", {"level": "info", "message": "begins", "chunks": count, "to": "öü"})
        assert rest == [(1, n + 2, "chunk", {"n": n}) for n in range(count)]
    assert stream(bench, jobs[2500])["progress"] == {
        "current": 2500, "total": 2500, "message": "chunk by chunk",
    }  # fmt: skip
    heard = chunks(bench, threads)
    for name in range(4):
        assert [n for who, n in heard if who == name] == list(range(300))
    assert [seq for _, seq, _, _ in said(bench, threads)] == list(range(1, 1201))
    assert bench.outcome(wordless) == ("succeeded", 0)


class Watched:
    """Looks at jobs and streams in one statement: `early` are those that ended before their notes."""

    def __init__(self, bench: Bench, jobs: list[int]) -> None:
        self.bench, self.jobs, self.early = bench, jobs, list[Any]()

    def complete(self) -> bool:
        query = """select j.status, s.seq, j.args from server_api.job as j
                     left join server_api.stream as s on s.job_id = j.id where j.id = any(%s)"""
        ended = [row for row in self.bench.sql(query, self.jobs) if row["status"] == "succeeded"]
        self.early += [row for row in ended if row["seq"] != self._expected(row["args"])]
        return len(ended) == len(self.jobs)

    def _expected(self, args: dict[str, int]) -> int:
        return args["chunks"] + 1 if "chunks" in args else args["threads"] * args["each"]


def test_a_running_task_is_heard_a_few_times_a_second(bench: Bench, proxy: Proxy, tmp_path: Path) -> None:
    """Counted in exchanges: a hundred notes a second cost four, and the first is heard at once."""
    start(bench, ONEWRITER_WORKER_DATABASE_URL=proxy.dsn(bench.db.dsn("worker")), ONEWRITER_LEASE="180",
          ONEWRITER_HEARTBEAT="60")  # fmt: skip
    bench.session()
    before = proxy.exchanges
    job = bench.enqueue("notes.chats", {"until": str(tmp_path / "enough")})
    bench.until(lambda: len(chunks(bench, job)) > 100)
    times = [row["at"] for row in bench.sql("select distinct at from server_api.note order by at")]
    # All but the first few (open, claim) carried notes, and these are a quarter of a second apart.
    assert proxy.exchanges - before <= len(times) + 4
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
    assert len(times) >= 3 and min(gaps) > 0.2, gaps
    assert stream(bench, job)["progress"]["current"] >= 100
    (tmp_path / "enough").touch()
    assert bench.outcome(job)[1] == len(chunks(bench, job)) == stream(bench, job)["progress"]["current"] + 1


def test_track(bench: Bench) -> None:
    jobs = [bench.enqueue(f"notes.{name}", {"items": 7}) for name in ("tracks", "tracks_async")]
    bench.drain(tasks=TASKS)
    for job in jobs:
        assert bench.outcome(job) == ("succeeded", 21)
        assert stream(bench, job)["progress"] == {"current": 7, "total": 7}


def test_a_tracked_task_is_stopped_between_two_items(bench: Bench) -> None:
    job = bench.enqueue("notes.tracks_for_ever")
    start(bench)
    bench.until(lambda: bench.sql("select 1 from server_api.stream where (progress ->> 'current')::int > 2"))
    bench.sql("select server_api.cancel(%s, 'tests', null)", job)
    bench.sql(f'notify "ow_w_{bench.session()["id"]}"')
    assert bench.ended(job)["status"] == "aborted"
    assert "total" not in stream(bench, job)["progress"]


def test_each_run_has_its_own_stream(bench: Bench) -> None:
    job = bench.enqueue("notes.tries")
    start(bench)
    assert bench.ended(job)["status"] == "succeeded"
    assert said(bench, job) == [(1, 1, "chunk", "try 0"), (2, 1, "chunk", "try 1")]


def test_what_was_acknowledged_survives_a_kill(bench: Bench, tmp_path: Path) -> None:
    job = bench.enqueue("notes.chats", {"until": str(tmp_path / "enough")})
    first = start(bench)
    bench.until(lambda: len(chunks(bench, job)) > 30)
    first.kill()
    kept = chunks(bench, job)
    assert kept == list(range(len(kept)))
    start(bench)
    bench.session(2)
    bench.rescue()
    bench.until(lambda: chunks(bench, job, 2))
    (tmp_path / "enough").touch()
    count = bench.outcome(job)[1]
    assert chunks(bench, job) == kept and chunks(bench, job, 2) == list(range(count))
    assert [seq for no, seq, _, _ in said(bench, job) if no == 2] == list(range(1, count + 1))


@pytest.mark.parametrize("moment", ["before", "after", "during"])
def test_a_cut_connection_neither_loses_nor_doubles(
    bench: Bench, proxy: Proxy, tmp_path: Path, moment: Moment
) -> None:
    start(bench, ONEWRITER_WORKER_DATABASE_URL=proxy.dsn(bench.db.dsn("worker")))
    job = bench.enqueue("notes.chats", {"until": str(tmp_path / "enough")})
    for cut in range(1, 3):
        heard = len(chunks(bench, job))
        bench.until(lambda: len(chunks(bench, job)) > heard)  # noqa: B023 (called within this turn)
        proxy.cut(moment)
        bench.until(lambda: proxy.cuts == cut)  # noqa: B023
    (tmp_path / "enough").touch()
    count = bench.outcome(job)[1]
    assert said(bench, job) == [(1, n + 1, "chunk", n) for n in range(count)]
    assert stream(bench, job)["progress"] == {"current": count - 1}
    assert bench.job(job)["attempts"] == 1


def test_what_cannot_be_said_is_told_to_the_task_and_a_log_never_raises(bench: Bench) -> None:
    job = bench.enqueue("notes.says_wrong")
    bench.drain(tasks=TASKS)
    assert bench.outcome(job) == ("succeeded", ["NotJson"] * 4 + ["Oversized"] * 2)
    assert [data for _, _, _, data in said(bench, job)] == [
        {"level": "info", "message": "nul \ufffd, ?", "at": "/tmp"},
        {"level": "info", "message": "large", "left_out": True},
    ]


def test_secrets_are_masked(bench: Bench) -> None:
    key = "secret://stripe/key"
    put = "select server_api.set_secret('stripe/key', 'value-42', array['notes.*'], null, 'tests')"
    bench.db.connect("server").execute(put)
    job = bench.enqueue("notes.tells_secrets", {"key": key})
    bench.drain(tasks=TASKS)
    log, chunk = [data for _, _, _, data in said(bench, job)]
    assert log == {"level": "info", "message": f"the key is {key}", "key": key}
    assert chunk == {key: key} and stream(bench, job)["progress"] == {"message": key}
