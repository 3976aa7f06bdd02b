"""A stolen worker speaks the protocol: forged, replayed and hostile calls. On 15 and 18.

The attacker has a session of its own and jobs of its own queue; the victim's job is in another's hands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.security.battlefield import Battlefield, changed
from tests.support.protocol import Session, done, enqueue, job, release, retry

pytestmark = pytest.mark.pg15(soak=True)
GONE = {"gone": True}
LIMIT = "OWV01"
# What an attacker may leave behind: his session, his jobs' ends, his refused results.
OWN = ("jobs.session", "jobs.worker", "jobs.late_results")


class Attacker(Session):
    """A worker's session on a queue that nobody else uses."""

    def __init__(self, field: Battlefield) -> None:
        super().__init__(field.db, "worker", queues=["mine"])
        self.field = field

    def call(self, **given: Any) -> Any:
        """`exchange` with any parameter at all: the whole answer, or the SQLSTATE."""
        parameters: dict[str, Any] = dict.fromkeys(
            ("done", "claims", "results", "failures", "retry", "release", "notes"), None
        )
        parameters |= {"want": 0, "free": 0, "alone": True, "floor": None, **given}
        holes = ", ".join(["%s"] * len(parameters))
        return self.sqlstate(
            f"select worker_api.exchange(%s, %s, {holes})", self.id, self.secret, *parameters.values()
        )

    def sqlstate(self, query: str, *values: Any) -> Any:
        """What a statement answers, or the SQLSTATE with which it was refused."""
        try:
            row = self.connection.execute(query.encode(), values or None).fetchone()
        except psycopg.Error as error:
            heard, answer = f"{error}{error.diag.message_detail}", error.sqlstate
        else:
            assert row is not None
            heard = str(row)
            answer = json.loads(row[0]) if isinstance(row[0], str) else row[0]
        assert not [canary for canary in self.field.canaries if canary in heard]
        return answer


@pytest.fixture
def attacker(field: Battlefield) -> Iterator[Attacker]:
    """Afterwards nothing but the attacker's own lines differs, and the victim still ends its job."""
    before = field.fingerprint(catalogues=False, but=OWN)
    who = Attacker(field)
    yield who
    who.close()
    who.connection.close()
    assert changed(before, field.fingerprint(catalogues=False, but=OWN)) == []
    assert field.still_answers()


def _held(a: Attacker) -> dict[str, Any]:
    return a.field.held


def _said(job_id: int, claim: int) -> dict[str, Any]:
    """From the first note on, and behind the victim's own."""
    notes = [[job_id, claim, seq, "chunk", '"forged"'] for seq in range(5)]
    return {"notes": notes, "progress": [[job_id, claim, '{"n": 1}']]}


FORGED: dict[str, Callable[[Attacker], Any]] = {
    "finish the victim's job": lambda a: a.exchange(done=[done(_held(a), "stolen")])["stale"],
    "fail the victim's job": lambda a: a.exchange(done=[done(_held(a), None, "failed")])["stale"],
    "abort the victim's job": lambda a: a.exchange(done=[done(_held(a), None, "aborted")])["stale"],
    "with a guessed claim": lambda a: a.exchange(done=[[_held(a)["id"], n, "1", None] for n in range(2, 50)])[
        "stale"
    ][:1],
    "finish what waits": lambda a: a.exchange(done=[[a.field.waiting, 0, "1", None]])["stale"],
    "finish what waits, next claim": lambda a: a.exchange(done=[[a.field.waiting, 1, "1", None]])["stale"],
    "finish what has ended": lambda a: a.exchange(done=[[a.field.ended, 1, '"x"', None]])["stale"],
    "finish what never was": lambda a: a.exchange(done=[[2**62, 1, "1", None]])["stale"],
    "finish below zero": lambda a: a.exchange(done=[[-1, -1, "1", None]])["stale"],
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_end_is_stale(attacker: Attacker, how: str) -> None:
    (refused,) = FORGED[how](attacker)
    assert refused in (attacker.field.held["id"], attacker.field.waiting, attacker.field.ended, 2**62, -1)


SILENT: dict[str, Callable[[Attacker], Any]] = {
    "retry the victim's job": lambda a: a.exchange(retry=[retry(_held(a))]),
    "retry it into my queue": lambda a: a.exchange(retry=[retry(_held(a), queue="mine")]),
    "retry it with a bad item": lambda a: a.exchange(retry=[retry(_held(a)), [_held(a)["id"], 1, "x"]]),
    "release the victim's job": lambda a: a.exchange(release=[release(_held(a))]),
    "release it into my queue": lambda a: a.exchange(release=[[*release(_held(a)), 0, "x", 9, "mine"]]),
    "new queues by release": lambda a: a.exchange(release=[[1, 1, None, None, None, f"q{n}"] for n in range(9)]),
    "new queues by retry": lambda a: a.exchange(retry=[[1, 1, None, None, None, f"q{n}", None, None] for n in range(9)]),
    "mark the victim's job started": lambda a: a.exchange(notes={"started": [release(_held(a))]}),
    "speak for the victim's job": lambda a: a.exchange(notes=_said(_held(a)["id"], 1)),
    "with guessed claims": lambda a: [a.exchange(notes=_said(_held(a)["id"], n)) for n in range(2, 50)][-1],
    "speak for what waits": lambda a: a.exchange(notes=_said(a.field.waiting, 0)),
    "speak for what has ended": lambda a: a.exchange(notes=_said(a.field.ended, 1)),
    "speak for what never was": lambda a: a.exchange(notes=_said(2**62, 1)),
    "speak for nobody": lambda a: a.exchange(notes={"notes": [[None] * 5, []], "progress": [[None] * 3, []]}),
    "notes of a foreign shape": lambda a: a.exchange(notes={"started": []}),
    "unknown notes": lambda a: a.exchange(notes={"args": [[1, 1]], "status": "succeeded"}),
    "claim from a paused place": lambda a: a.exchange(want=-1),
    "claim the least number": lambda a: a.exchange(want=-(2**31)),
    "claim the greatest number": lambda a: a.exchange(want=2**31 - 1, free=2**31 - 1),
    "claim no number": lambda a: a.call(want=None, free=None, alone=None),
    "free below zero": lambda a: a.exchange(want=5, free=-5),
    "empty everything": lambda a: a.call(
        done=[], claims=[], results=[], failures=[], retry="[]", release="[]", notes="{}"
    ),
    "done without claims": lambda a: a.call(done=[]),
    "the same answer 50 times": lambda a: [a.exchange() for _ in range(50)][-1],
}  # fmt: skip


@pytest.mark.parametrize("how", SILENT)
def test_a_forged_wish_does_nothing(attacker: Attacker, how: str) -> None:
    answer = SILENT[how](attacker)
    assert answer["gone"] is False
    assert not answer.get("jobs")


def test_arrays_with_nulls_end_nothing(attacker: Attacker) -> None:
    answer = attacker.call(done=[None, None], claims=[None, 1], results=[None], failures=None)
    assert answer["stale"] == [None, None]


IDENTITIES: dict[str, Callable[[Attacker], tuple[Any, Any]]] = {
    "the victim's session, my secret": lambda a: (a.field.victim.id, a.secret),
    "my session, a guess": lambda a: (a.id, "guess"),
    "my session, no secret": lambda a: (a.id, None),
    "my session, an empty secret": lambda a: (a.id, ""),
    "my session, a pattern": lambda a: (a.id, "%"),
    "my session, a quote": lambda a: (a.id, "' or '1' = '1"),
    "no session": lambda _: (None, None),
    "session zero": lambda a: (0, a.secret),
    "the victim's session and secret": lambda a: (a.field.victim.id, a.field.victim.secret),
    "a session to come": lambda a: (2**62, a.secret),
}


@pytest.mark.parametrize("verb", ["exchange", "resume", "close"])
@pytest.mark.parametrize("how", IDENTITIES)
def test_another_identity_is_gone(attacker: Attacker, how: str, verb: str) -> None:
    """Even with the victim's very secret: the identity is the login."""
    session, secret = IDENTITIES[how](attacker)
    query = {
        "exchange": "select worker_api.exchange(%s, %s, null, null, null, null, null, null, null, 9, 9, true, null)",
        "resume": "select worker_api.resume(%s, %s, '[]')",
        "close": "select worker_api.close(%s, %s)",
    }[verb]
    assert attacker.sqlstate(query, session, secret) == GONE


def test_replays_after_resume_and_close_are_gone(attacker: Attacker) -> None:
    old = attacker.secret
    attacker.resume()
    assert attacker.sqlstate("select worker_api.close(%s, %s)", attacker.id, old) == GONE
    assert attacker.sqlstate("select worker_api.resume(%s, %s, null)", attacker.id, old) == GONE
    attacker.close()
    for _ in range(2):
        assert attacker.call(want=1) == GONE
        assert attacker.resume() == GONE


OPENS: dict[str, tuple[Any, ...]] = {
    "lease -1": (["mine"], "n", -1),
    "lease 0": (["mine"], "n", 0),
    "lease of 10^9": (["mine"], "n", 10**9),
    "no lease": (["mine"], "n", None),
    "no name": (["mine"], None, 15),
    "empty name": (["mine"], "", 15),
    "a long name": (["mine"], "n" * 129, 15),
    "a name of 10 MB": (["mine"], "n" * 10_000_000, 15),
    "a name that clears the screen": (["mine"], "\x1b[2J", 15),
    "a name of two lines": (["mine"], "a\nb", 15),
    "no queue": ([], "n", 15),
    "1,001 queues": ([f"q{n}" for n in range(1001)], "n", 15),
    "a null queue": ([None], "n", 15),
    "a queue of 10 MB": (["q" * 10_000_000], "n", 15),
    "info of 9 KB": (["mine"], "n", 15, json.dumps("x" * 9000)),
    "info of 3,000 levels": (["mine"], "n", 15, "[" * 3000 + "]" * 3000),
}  # fmt: skip


@pytest.mark.parametrize("how", OPENS)
def test_a_hostile_open_is_refused(attacker: Attacker, how: str) -> None:
    values = OPENS[how]
    assert attacker.sqlstate(f"select worker_api.open({', '.join(['%s'] * len(values))})", *values) == LIMIT


TEXTS = [
    "'; delete from jobs.session; --",
    '"; drop schema jobs cascade; --',
    "$$; select 1; $$",
    "%s %(x)s {0} %I",
    "\\'; select 1",
    "ñ\u202e\U0001f600\ufeff",
    "../../etc/passwd",
    "{a,b}",
    "pg_temp.x",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_a_text(attacker: Attacker, text: str) -> None:
    """In every text parameter of the protocol: stored or refused as content, never run."""
    opened = attacker.sqlstate("select worker_api.open(%s, %s, 15, %s)", [text], text, json.dumps(text))
    kept = attacker.field.admin.execute(
        "select name, queues, info from jobs.session where id = %s", [opened["session"]]
    ).fetchone()
    assert kept == (text, [text], text)
    for parameter in ("retry", "release", "notes"):
        assert attacker.call(**{parameter: text}) == "22P02"
    assert attacker.call(want=1, floor=text) == "22P02"
    assert attacker.sqlstate("select worker_api.resume(%s, %s, %s)", attacker.id, text, text) == GONE


TOO_MUCH: dict[str, dict[str, Any]] = {
    "1,001 ends": {"done": [1] * 1001, "claims": [1] * 1001},
    "1,001 retries": {"retry": json.dumps([[1, 1]] * 1001)},
    "1,001 releases": {"release": json.dumps([[1, 1]] * 1001)},
    "1,001 notes": {"notes": json.dumps({"notes": [[1, 1, 1, "log", "{}"]] * 1001})},
    "1,001 words of progress": {"notes": json.dumps({"progress": [[1, 1, "{}"]] * 1001})},
    "300,000 releases": {"release": json.dumps([[1, 1]] * 300_000)},
    "results of 10 MB": {"done": [1], "claims": [1], "results": ["x" * 10_000_000]},
    "failures of 10 MB": {"done": [1], "claims": [1], "failures": ["x" * 10_000_000]},
    "retries of 10 MB": {"retry": " " * 10_000_000 + "[]"},
    "notes of 10 MB": {"notes": " " * 10_000_000 + "{}"},
}


@pytest.mark.parametrize("how", TOO_MUCH)
def test_a_hostile_batch_is_refused_whole(attacker: Attacker, how: str) -> None:
    assert attacker.call(**TOO_MUCH[how]) == LIMIT


def test_a_large_resume_is_refused(attacker: Attacker) -> None:
    text = " " * 1_100_000 + "[]"
    assert (
        attacker.sqlstate("select worker_api.resume(%s, %s, %s)", attacker.id, attacker.secret, text) == LIMIT
    )


RESULTS = {
    "NaN": ("NaN", "not_json"),
    "1e999999": ("1e999999", "not_json"),
    "NUL": ('"a\\u0000b"', "not_json"),
    "a lone surrogate": ('"\\ud800"', "not_json"),
    "two values": ("1 2", "not_json"),
    "2,000 levels": ("[" * 2000 + "]" * 2000, "oversized"),
    "2,000 levels of objects": ('{"a":' * 2000 + "1" + "}" * 2000, "oversized"),
    "100,000 levels": ("[" * 100_000 + "]" * 100_000, "not_json"),
    "300 KB": ('"' + "x" * 300_000 + '"', "oversized"),
}


@pytest.mark.parametrize("how", RESULTS)
def test_a_result_that_no_reader_could_take_fails_its_job_alone(field: Battlefield, how: str) -> None:
    result, reason = RESULTS[how]
    server, attacker = field.db.connect("server"), Attacker(field)
    ids = enqueue(server, job(queue="mine"), job(queue="mine"))
    bad, good = sorted(attacker.claim(2), key=lambda held: int(held["id"]))
    attacker.exchange(done=[[bad["id"], 1, result, None], done(good, [[1]])])
    rows = server.execute(
        "select status, reason, result from server_api.job where id = any(%s) order by id", [ids]
    ).fetchall()
    assert rows == [("failed", reason, None), ("succeeded", None, [[1]])]
    _forget(field, attacker, ids)


def test_an_error_of_megabytes_is_refused(field: Battlefield) -> None:
    server, attacker = field.db.connect("server"), Attacker(field)
    ids = enqueue(server, job(queue="mine"), job(queue="mine"))
    one, two = attacker.claim(2)
    attacker.exchange(done=[done(one, None, "failed", error="x" * 1_000_000)])
    attacker.exchange(retry=[retry(two, error="x" * 1_000_000)])
    rows = server.execute(
        "select max(length(error)) from server_api.job where id = any(%s)", [ids]
    ).fetchone()
    assert rows is not None and rows[0] < 1000
    _forget(field, attacker, ids)


def test_a_release_moves_nothing(field: Battlefield) -> None:
    """No other queue, no priority, no lock, no delay, and no run counted."""
    server, attacker = field.db.connect("server"), Attacker(field)
    ids = enqueue(server, job(queue="mine"))
    (held,) = attacker.claim()
    attacker.exchange(release=[[*release(held), 3600, "x", 9, "victim", "lock", None]])
    rows = server.execute(
        "select queue, priority, lock, status, attempts from server_api.job where id = %s", ids
    ).fetchall()
    assert rows == [("mine", 0, None, "ready", 0)]
    _forget(field, attacker, ids)


def test_a_login_holds_at_most_a_thousand_sessions(field: Battlefield) -> None:
    """Each dead one costs the sweep a transaction: a flood would hold up the rescue of everybody else's jobs."""
    attacker = Attacker(field)
    flood = "select count(worker_api.open(null, 'flood', 5)) from generate_series(1, 1001)"
    assert attacker.sqlstate(flood) == LIMIT
    # A loop of statements gets as far as the limit and no further.
    field.admin.execute(
        """insert into jobs.session (name, login, secret, lease, backend_pid, opened_at, last_seen_at, expires_at)
           select 'flood', 'onewriter_test_worker', 'x', '5 s', 1, now(), now(), now() + interval '1 h'
             from generate_series(1, 1000)"""
    )
    assert attacker.sqlstate("select worker_api.open(null, 'one more')") == LIMIT
    assert Session(field.db, "worker2").close() == {"returned": 0}
    field.admin.execute("delete from jobs.session where name = 'flood'")


def test_running_shows_ones_own_jobs_whatever_one_asks(attacker: Attacker) -> None:
    """The condition that errs on a value is not pushed below the view's own."""
    for condition in (
        "true",
        "args::text::integer = 0",
        "(args ->> 'token')::integer = 0",
        "args::text like 'c%%'",
        f"id = {attacker.field.held['id']}",
        "session_user <> 'x' or args is not null",
        "1 / (position('canary' in args::text) - 2) > 0",
        "lock::integer = 1",
    ):
        query = f"select count(*) from worker_api.running where {condition}"
        assert attacker.sqlstate(query) == 0
        plan = attacker.connection.execute(f"explain (verbose) {query}".encode()).fetchall()
        assert not [canary for canary in attacker.field.canaries if canary in str(plan)]


def _forget(field: Battlefield, attacker: Attacker, ids: list[int]) -> None:
    """The field as it was, for the next attack."""
    attacker.close()
    field.admin.execute("delete from procrastinate.procrastinate_jobs where id = any(%s)", [ids])
    field.admin.execute("delete from jobs.attempt where job_id = any(%s)", [ids])
    field.admin.execute("delete from jobs.queue where name = 'mine'")
