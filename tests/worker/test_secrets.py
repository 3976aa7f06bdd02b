"""A secret reaches the task and nothing else: a real worker, and everything that it wrote and said."""

import json
from typing import Any

import pytest

from tests.support.copies import dump
from tests.worker.conftest import Bench
from worker.secrets import SecretRefused, Secrets

VALUE = 'p"ss\nwörd-42'
KEY = "secret://stripe/key"
TASKS = "tests.worker.secret_tasks"


def put(bench: Bench, name: str, value: str, task: str = "billing.*") -> None:
    bench.db.connect("server").execute(
        "select server_api.set_secret(%s, %s, array[%s], null, 'tests')", [name, value, task]
    )


def test_a_task_gets_the_value_and_nothing_keeps_it(bench: Bench) -> None:
    put(bench, "stripe/key", VALUE)
    put(bench, "other", VALUE, "other.*")
    jobs = {
        task: bench.enqueue(f"billing.{task}", {"key": KEY, **more})
        for task, more in {
            "measures": {"deep": [{"key": KEY}]}, "measures_sync": {}, "echoes": {}, "shows_job": {},
            "raises": {}, "retries": {},
        }.items()
    }  # fmt: skip
    refused = [
        bench.enqueue("billing.echoes", {"key": key}) for key in ("secret://other", "secret://", "secret://x")
    ]
    plain = bench.enqueue("billing.echoes", {"key": "no secret:// here"})
    worker = bench.drain(tasks=TASKS)
    outcomes = {task: bench.outcome(job) for task, job in jobs.items()}
    assert outcomes == {
        "measures": ("succeeded", [len(VALUE), len(VALUE)]),
        "measures_sync": ("succeeded", len(VALUE)),
        "echoes": ("succeeded", {"got": f"<{KEY}>", KEY: [KEY, 1], "json": f'"{KEY}"'}),
        "shows_job": ("succeeded", {"key": KEY}),
        "raises": ("failed", "error"),
        "retries": ("failed", "error"),
    }
    assert bench.outcome(plain)[1]["got"] == "<no secret:// here>"
    error = bench.job(jobs["raises"])["error"]
    assert KEY[:8] in error
    assert f"caused by KeyError: '{KEY}'" in error
    assert [one["attempt"] for one in bench.attempts(jobs["retries"])] == [1, 2, 3]
    for job in refused:
        assert bench.outcome(job) == ("failed", "error")
        assert "no such secret, or not for this task and login" in bench.job(job)["error"]

    kept = dump(bench.db, "--exclude-table-data=jobs.secret")
    for text in (kept, worker.output()):
        for form in (VALUE, repr(VALUE)[1:-1], json.dumps(VALUE)[1:-1], 'p"ss', "wörd", "rd-42"):
            assert form not in text, form
    assert "rd-42" in dump(bench.db), "or nothing was looked for"
    granted = bench.sql("select job_id from inspect.secret_uses where granted group by 1 order by 1")
    assert [row["job_id"] for row in granted] == sorted(jobs.values())


def test_a_job_without_secrets_asks_for_none(bench: Bench) -> None:
    """The mark is looked for in the answer; nothing else is done for whoever has no secret."""
    bench.enqueue("sample.add", {"a": 1})
    bench.sql("revoke execute on function worker_api.secrets from onewriter_worker")
    bench.drain()
    assert bench.sql("select count(*) as n from server_api.job where status = 'succeeded'") == [{"n": 1}]


def test_masking() -> None:
    secrets = Secrets({"a": "abcd", "long": "abcdefgh", "short": "xyz", "quoted": 'it\'s\t"ü"'})
    assert secrets.fill({"k": ["secret://short", 1, None, {"secret://a": "secret://a"}]}) == {
        "k": ["xyz", 1, None, {"secret://a": "abcd"}]
    }
    assert secrets.fill("see secret://a") == "see secret://a"
    assert secrets.mask("abcdefgh, abcd, xyz") == "secret://long, secret://a, xyz"
    assert secrets.mask(f"{'it' + chr(39) + 's' + chr(9) + chr(34) + 'ü' + chr(34)!r}") == "'secret://quoted'"
    assert secrets.mask("https://x/?k=it%27s%09%22%C3%BC%22") == "https://x/?k=secret://quoted"
    result: Any = {"abcd": [1, 2.5, True, None, "xabcdx"], "n": 12345678901234567890123}
    assert json.loads(secrets.mask_json(json.dumps(result).encode())) == {
        "secret://a": [1, 2.5, True, None, "xsecret://ax"], "n": 12345678901234567890123,
    }  # fmt: skip
    with pytest.raises(SecretRefused, match="secret://none: no such secret"):
        secrets.fill({"a": {"b": "secret://none"}})
