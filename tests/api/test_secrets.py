"""Secrets over HTTP: in, never out; and the command line's way."""

import io
import json
from pathlib import Path

import pytest

from app.cli.main import run
from tests.api.conftest import Api
from tests.support.cluster import Database

VALUE = "s3cr3t-value"


async def test_a_value_goes_in_and_never_out(api: Api) -> None:
    path = "/v1/secrets/stripe%2Fkey"
    given = {"value": VALUE, "tasks": ["billing.*"], "logins": ["host7"]}
    assert (await api.call("PUT", path, given)).status == 204
    reply = await api.get("/v1/secrets")
    (item,) = reply.body["items"]
    assert (item["name"], item["tasks"], item["logins"]) == ("stripe/key", ["billing.*"], ["host7"])
    assert item["updated_by"] == "boss"
    assert VALUE not in json.dumps(reply.body)
    job = await api.enqueue(args={"key": "secret://stripe/key"})
    assert (await api.get(f"/v1/jobs/{job}")).body["args"] == {"key": "secret://stripe/key"}
    assert (await api.call("DELETE", path)).status == 204
    assert (await api.call("DELETE", path)).slug == "not-found"
    assert (await api.get("/v1/secrets")).body == {"items": []}


@pytest.mark.parametrize(
    ("name", "change", "field"),
    [
        ("a%20b", {}, "name"),
        ("a", {"value": ""}, "value"),
        ("a", {"value": "ü" * 9000}, "value"),
        ("a", {"value": f"{VALUE}\x00"}, "value"),
        ("a", {"tasks": []}, "tasks"),
        ("a", {"logins": []}, "logins"),
        ("a", {"more": 1}, "more"),
    ],
)
async def test_what_is_no_secret_is_named_without_its_value(
    api: Api, name: str, change: dict[str, object], field: str
) -> None:
    reply = await api.call("PUT", f"/v1/secrets/{name}", {"value": VALUE, "tasks": ["*"], **change})
    assert (reply.status, VALUE in json.dumps(reply.body)) == (422, False)
    assert field in json.dumps(reply.body)


async def test_a_limited_key_sets_no_secret(api: Api) -> None:
    limited = await api.make_key("limited", "admin", tasks=["billing.*"])
    given = {"value": VALUE, "tasks": ["billing.*"]}
    for method, path, body in (
        ("GET", "/v1/secrets", None),
        ("PUT", "/v1/secrets/a", given),
        ("DELETE", "/v1/secrets/a", None),
    ):
        assert (await api.call(method, path, body, key=limited)).slug == "not-allowed"


def test_the_command_line(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONEWRITER_DATABASE_URL", db.dsn("server"))
    file = tmp_path / "value"
    file.write_text(f"{VALUE}\n")
    assert run(["secrets", "set", "a", "--task", "x.*", "--value-file", str(file)]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("from stdin"))
    assert run(["secrets", "set", "b", "--task", "x.*", "--task", "y", "--login", "host7"]) == 0
    assert run(["secrets", "set", "c"]) == 2
    assert run(["secrets", "set", "no good", "--task", "*", "--value-file", str(file)]) == 2
    capsys.readouterr()
    assert run(["secrets", "ls", "--json"]) == 0
    listed = capsys.readouterr().out
    assert [(one["name"], one["tasks"], one["logins"]) for one in json.loads(listed)] == [
        ("a", ["x.*"], None), ("b", ["x.*", "y"], ["host7"]),
    ]  # fmt: skip
    assert VALUE not in listed
    with db.connect("admin") as conn:
        values = conn.execute("select value from jobs.secret order by name").fetchall()
    assert values == [(VALUE,), ("from stdin",)]
    assert run(["secrets", "rm", "a"]) == 0
    assert run(["secrets", "rm", "a"]) == 3
