"""The examples, each with the command that its README shows, on a test's own cluster."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from devstack.errors import Stop
from devstack.postgres import wait_for
from examples.mediastream.browser import NAMES, installed
from examples.mediastream.model import pieces
from examples.mediastream.story import TASKS, app_beside_system, reader_of
from examples.support.own import own_database, start_scheduler
from examples.support.processes import Processes
from tests.support.cluster import Database, Server
from tests.support.processes import environment

pytestmark = pytest.mark.timeout(120)


@contextmanager
def example(db: Database, name: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`./dev example NAME OPTIONS`, without the part that asks `./dev up` for its logins."""
    command = [sys.executable, "-m", f"examples.{name}", *options]
    given = {**environment(), **settings(db)}
    with subprocess.Popen(
        command, env=given, cwd="/", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def settings(db: Database) -> dict[str, str]:
    """What `./dev env` exports of the logins."""
    roles = {"": "server"} | {f"{role.upper()}_": role for role in ("worker", "handler", "admin", "janitor")}
    return {f"ONEWRITER_{name}DATABASE_URL": db.dsn(role) for name, role in roles.items()}


def told(db: Database, name: str, *options: str) -> str:
    """All that it says; it succeeds and leaves nothing."""
    with example(db, name, *options) as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said
    assert said.endswith("Done; nothing is left of it.\n")
    assert databases(db.server, name) == []
    return said


def databases(server: Server, name: str) -> list[str]:
    query = "select datname from pg_database where datname like %s"
    with psycopg.connect(server.dsn("postgres")) as conn:
        return [found for (found,) in conn.execute(query, [f"onewriter_example_{name}%"]).fetchall()]


def logins(db: Database) -> list[str]:
    """Those that an example has made for itself."""
    query = "select rolname from pg_roles where starts_with(rolname, 'example_')"
    return [name for (name,) in db.connect("admin").execute(query).fetchall()]


def clients(server: Server, name: str) -> int:
    query = "select count(*)::int from pg_stat_activity where datname = %s"
    with psycopg.connect(server.dsn("postgres")) as conn:
        (count,) = conn.execute(query, [f"onewriter_example_{name}"]).fetchone() or (0,)
        return int(count)


def test_nightly(same_db: Database) -> None:
    said = told(same_db, "nightly", "--night", "1", "--idle", "2")
    assert re.search(r"run 1 \(manual, .*\): partial", said)
    late = re.findall(r"missed=(\w+) +catch-up +\S+ +(\d|itself).*?(\w+)$", said, re.MULTILINE)
    missed = str(len(late) - 2)
    assert late == [
        ("once", missed, "succeeded"),
        *[("all", "itself", "succeeded")] * int(missed),
        ("skip", missed, "skipped"),
    ]
    assert re.search(r"is there a job\? is a schedule due\? +0 +0$", said, re.MULTILINE)


def test_fleet(same_db: Database) -> None:
    said = told(same_db, "fleet", "--workers", "3", "--work", "1")
    held = re.search(r"kill -9 of east-2: .* (\d+) jobs are theirs", said)
    moved = re.findall(r"^ +\d+ +east-2 +(?:east|west)-1$", said, re.MULTILINE)
    assert held is not None and 1 <= len(moved) <= int(held[1])
    assert "18 jobs, 18 results" in said
    moves = re.findall(r"(pending|active|offline) +(active|offline) +\w", said.rpartition("The life")[2])
    assert moves == [("pending", "active"), ("active", "offline"), ("offline", "active")]


def test_reading(same_db: Database) -> None:
    said = told(same_db, "reading")
    assert "made in postgres: the table onewriter_inbox.event" in said
    for price in ("4.50", "4.80", "5.10"):
        assert f"result: Tea, {price}" in said
    # On the primary, and again on the standby that has become one.
    assert said.count("permission denied for table product") == 10
    assert said.count("in a read-only transaction") == 6
    assert "onewriter domain check: clean" in said


def test_enrich(same_db: Database) -> None:
    said = told(same_db, "enrich")
    assert len(re.findall(r"  welcomed +\w+ +2$", said, re.MULTILINE)) == 2
    assert len(re.findall(r"  welcomed +\w+ +1$", said, re.MULTILINE)) == 3
    assert re.search(r"  unknown +- +1$", said, re.MULTILINE)
    assert "the worker's login: permission denied for schema entities" in said


def test_kanban(same_db: Database) -> None:
    said = told(same_db, "kanban")
    assert "after a new start: 4 hints, 3 mails for 3 drafts; each once" in said
    assert re.search(r"rules +high +0.95 +applied +rule 1$", said, re.MULTILINE)
    assert "the link again: 409, the link was used already" in said
    assert re.search(r"task [23] to Doing: 409, Doing is full", said)
    assert re.search(r": (\d+) fires, 2 tasks, [1-9]\d* left out", said)
    # Eight tables of the board and two of the inbox for each of four logins, TRUNCATE for the two that write.
    refused = re.search(r"(\d+) forbidden writes, all refused", said)
    assert refused is not None and int(refused[1]) > 4 * 4 * (8 + 2) + 2 * 8
    assert set(re.findall(r"^ +(\w+) +\d+ +board +no +no +no +no$", said, re.MULTILINE)) == {
        "worker", "dba", "server", "producer",
    }  # fmt: skip
    assert set(re.findall(r"^ +(\w+) +\d+ +queue +no +no +no +no$", said, re.MULTILINE)) == {
        "worker", "dba", "server", "producer", "handler", "kanban",
    }  # fmt: skip
    assert "onewriter domain check: clean" in said
    assert "hint applied by a link in a mail" in said
    assert logins(same_db) == []


def _need_chromium() -> None:
    if installed() is not None:
        return
    reason = f"none of {', '.join(NAMES)} is installed"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI must not skip")
    pytest.skip(reason)


def read_to_the_end(said: str) -> None:
    """By each of the windows, in one text, and another cancelled in the middle."""
    sums = re.findall(r"  (\d+) +([0-9a-f]{16})$", said, re.MULTILINE)
    assert len(sums) == 5 and len(set(sums)) == 1
    at = re.search(r"reloaded at (\d+) .*kill -9 of the API at (\d+)", said, re.DOTALL)
    assert at is not None and int(at[1]) < int(at[2]) < int(sums[0][0])
    assert re.search(r"the job ends \d+ ms after it was asked to, at word \d+ of 5,000", said)
    assert re.findall(r"^   \S.*  (\d{3})$", said, re.MULTILINE) == ["200", "401", "401", "401", "404"]


def test_mediastream_in_a_browser(same_db: Database, tmp_path: Path) -> None:
    _need_chromium()
    picture = tmp_path / "page.png"
    said = told(same_db, "mediastream", "--picture", str(picture))
    assert "Chromium" in said
    assert picture.read_bytes().startswith(b"\x89PNG")
    read_to_the_end(said)


@pytest.mark.soak
def test_mediastream_without_a_browser(same_db: Database) -> None:
    said = told(same_db, "mediastream", "--no-browser")
    assert "a reader in Python" in said
    read_to_the_end(said)


@pytest.mark.soak
def test_a_page_shows_the_text_of_the_run_that_counts(
    same_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not also what was said by a worker that was killed in the middle."""
    _need_chromium()
    for name, value in settings(same_db).items():
        monkeypatch.setenv(name, value)
    with (
        Processes() as processes,
        app_beside_system(processes, token_seconds=60) as (system, app),
        reader_of(app, browser=True) as reader,
    ):
        window = reader.window()
        window.ask("Once more.", 100)
        assert wait_for(lambda: len(window.text()) > 100, 20)
        processes.named("writer").kill()
        start_scheduler(system)
        system.worker("another", ONEWRITER_TASKS=TASKS)
        assert wait_for(lambda: window.state() == "succeeded", 60)
        assert window.text() == "".join(pieces("Once more.", 100))


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_example_that_is_ended_leaves_no_process(same_db: Database, number: signal.Signals) -> None:
    """And no database, unless it had no time to drop it: then the next one does."""
    with example(same_db, "nightly") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "in time" in line or "late at most" in line:
                break
        process.send_signal(number)
        assert process.wait(60) != 0
    assert wait_for(lambda: clients(same_db.server, "nightly") == 0, 30)
    left = databases(same_db.server, "nightly")
    assert bool(left) == (number == signal.SIGKILL)
    with own_database("onewriter_example_nightly", same_db.dsn("admin")):
        pass
    assert databases(same_db.server, "nightly") == []


def test_an_own_database_is_one_examples_at_a_time(same_db: Database) -> None:
    name, admin = "onewriter_example_twice", same_db.dsn("admin")
    with psycopg.connect(admin, autocommit=True) as conn:
        conn.execute("create database onewriter_example_twice")  # what a killed one has left
    with own_database(name, admin):
        with pytest.raises(Stop, match="runs already"), own_database(name, admin):
            pass
        assert databases(same_db.server, "twice") == [name]
    assert databases(same_db.server, "twice") == []


def test_without_a_stack_it_says_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.nightly"],
        env=environment(), cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "run ./dev up, then ./dev example" in done.stderr
