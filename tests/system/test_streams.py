"""A stream through real processes: the API is killed in the middle, and the reader has it all, once."""

import json
import re
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.support.processes import Process
from tests.support.stage import Stage
from tests.system.conftest import Cli


def test_a_reader_outlives_the_api(stage: Stage, cli: Cli, tmp_path: Path) -> None:
    found = re.search(r"ow_\S+", cli("keys", "create", "reader", "--scope", "jobs:read")[1])
    assert found
    key, until = found[0], tmp_path / "until"
    stage.worker(ONEWRITER_TASKS="tests.worker.note_tasks")
    job = stage.enqueue("notes.chats", {"until": str(until)})
    got: list[dict[str, Any]] = []
    for last in (False, False, True):
        url = stage.api()
        api, before = stage.processes.started[-1], len(got)

        def enough(api: Process = api, before: int = before, last: bool = last) -> None:
            if len(got) - before == 60:
                until.touch() if last else api.kill()

        _listen(f"{url}/v1/jobs/{job}/events?kinds=chunk", key, got, enough)
    said = stage.ended(job)["result"]
    assert [event["data"] for event in got] == [*range(said), got[-1]["data"]]
    assert (got[-1]["event"], got[-1]["data"]["result"]) == ("end", said)

    code, out, _ = cli("jobs", "history", str(job), "--json")
    events = json.loads(out)
    assert [event["type"] for event in events] == ["created", "started", "succeeded"]
    assert events[1]["worker"].endswith("/worker")
    assert code == 0


def _listen(url: str, key: str, got: list[dict[str, Any]], each: Any) -> None:
    """Appends lines until the stream ends, however it does."""
    after = f"&last_event_id={got[-1]['id']}" if got else ""
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/x-ndjson"}
    request = urllib.request.Request(url + after, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            for line in answer:
                if line.strip() and line.endswith(b"\n"):
                    got.append(json.loads(line))
                    each()
    except (OSError, HTTPException):
        pass  # killed: the next one goes on


def test_logs_and_how_it_ended_on_the_command_line(stage: Stage, cli: Cli) -> None:
    stage.worker(ONEWRITER_TASKS="tests.worker.note_tasks")
    job = stage.enqueue("notes.speaks", {"chunks": 3})
    code, out, _ = cli("jobs", "follow", str(job))
    assert code == 0
    assert out.splitlines()[-1] == "succeeded 3 of 3: chunk by chunk"
    code, out, _ = cli("jobs", "logs", str(job), "--follow")
    (line,) = out.splitlines()
    assert (code, line.split("info")[1].split()) == (0, ["begins", '{"chunks":3}'])
    failing = stage.enqueue("notes.speaks", {"wrong": 1})
    assert cli("jobs", "follow", str(failing))[0] == 1
    assert cli("jobs", "logs", "999")[0] == 3
