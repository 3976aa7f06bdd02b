"""A generation is read while it is written, by readers who go and come back; another one is cancelled."""

import time
import urllib.error
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from examples.mediastream.browser import BrowserWindow, chromium, installed
from examples.mediastream.model import pieces
from examples.mediastream.reader import Lines
from examples.mediastream.windows import Reader, Window
from examples.support.api import OPENER, Api
from examples.support.commands import make_key
from examples.support.own import own_system, start_api, url_of
from examples.support.processes import Processes
from examples.support.story import chapter, check, say, table, until
from examples.support.system import SERVER, System

TASKS = "examples.mediastream.tasks"
# As hostile as a prompt can be.
PROMPT = """<img src=x onerror="document.title='owned'"><script>alert(1)</script> „naïve“ 🛶"""
WORDS, MANY = 250, 5_000
WRITTEN = "".join(pieces(PROMPT, WORDS))
# So short here that whoever comes back needs a new one.
TOKEN_SECONDS = 3


def stay(processes: Processes) -> None:
    """For people."""
    with app_beside_system(processes, token_seconds=60) as (_, app):
        say(f"the page is {app} · Ctrl-C ends it")
        while True:
            time.sleep(60)


def tell(processes: Processes, *, browser: bool, picture: str | None) -> None:
    with (
        app_beside_system(processes, token_seconds=TOKEN_SECONDS) as (system, app),
        reader_of(app, browser=browser) as reader,
    ):
        say(f"database onewriter_example_mediastream · API {system.api.url} · app {app} · {reader.name}")
        stream = read(system, app, reader, picture)
        cancel(system, app, reader.window())
        stay_out(system, app, stream)


@contextmanager
def app_beside_system(processes: Processes, *, token_seconds: int) -> Iterator[tuple[System, str]]:
    """With the app's address. Its key is for the one task."""
    chapter("A page, an app that holds the key, onewriter's API, a worker with one slot")
    with own_system("mediastream", processes) as system:
        scopes = ("jobs:read", "jobs:write", "jobs:operate")
        settings = {
            "MEDIASTREAM_API": system.api.url,
            "MEDIASTREAM_KEY": make_key(system.logins[SERVER], "app", scopes=scopes, tasks=["mediastream.*"]),
            "MEDIASTREAM_TOKEN_SECONDS": str(token_seconds),
        }
        app = processes.start("app", ("python", "-m", "examples.mediastream.app"), settings)
        worker = system.worker("writer", "-c", "1", ONEWRITER_TASKS=TASKS)
        system.publish(TASKS, "mediastream")
        system.wait_for_sessions(worker)
        yield system, url_of(app)


@contextmanager
def reader_of(app: str, *, browser: bool) -> Iterator[Reader]:
    program = installed() if browser else None
    if program is None:
        yield Lines(app)
    else:
        with chromium(program, app) as found:
            yield found


# --- 1. read while it is written ---------------------------------------------------------------------


def read(system: System, app: str, reader: Reader, picture: str | None) -> str:
    """Answers the address of the stream, with a token whose time is over."""
    chapter(f"1. {WORDS} words: two windows read, one is reloaded, the API dies")
    first, second = windows = reader.window(), reader.window()
    address = first.ask(PROMPT, WORDS)
    second.go(address)
    reload(first)
    if picture and isinstance(second, BrowserWindow):
        second.picture(picture)
    shared = generation(app, address)
    job_id = int(shared["job"])
    lose_api(system, job_id, windows)
    until(lambda: {window.state() for window in windows} == {"succeeded"}, "both windows see the end")
    late = reader.window()
    late.go(address)
    until(lambda: late.state() == "succeeded", "who comes late sees it too")
    compare("".join(emitted(system, job_id)), (*windows, late))
    return str(shared["stream"])


def reload(window: Window) -> None:
    until(lambda: len(window.text()) > 150, "150 characters")
    before = window.text()
    window.reload()
    until(lambda: len(window.text()) > len(before), "the text is there again")
    check(window.text().startswith(before), "it begins as it did")
    say(f"window 1 is reloaded at {len(before)} characters: they come back, and more")


def lose_api(system: System, job_id: int, windows: Sequence[Window]) -> None:
    """Another one serves at the same address, while the worker goes on."""
    until(lambda: min(map(shown, windows)) > 300, "300 characters")
    system.processes.named("api").kill()
    heard = max(map(shown, windows))
    check(heard < len(WRITTEN), "it dies in the middle")
    say(f"kill -9 of the API at {heard} characters")
    url_of(start_api(system, urlsplit(system.api.url).port or 0))
    said = sum(map(len, emitted(system, job_id)))
    say(f"when a new one serves, the job has said {said}")
    until(lambda: min(map(shown, windows)) > heard, "both windows go on")
    say("both windows come back where they were, with new tokens: the old ones' time is over")


def compare(chunks: str, windows: Sequence[Window]) -> None:
    names = ("window 1, reloaded", "window 2", "window 3, opened at the end")
    texts = {"the model's answer": WRITTEN, "the job's chunks": chunks}
    texts |= {name: window.text() for name, window in zip(names, windows, strict=True)}
    rows = [(who, len(text), sha256(text.encode()).hexdigest()[:16]) for who, text in texts.items()]
    table(("who", "characters", "sha256"), rows)
    check(set(texts.values()) == {WRITTEN}, "all have the same text, character by character")


def shown(window: Window) -> int:
    return len(window.text())


def emitted(system: System, job_id: int) -> list[str]:
    query = "select data from server_api.note where job_id = %s and kind = 'chunk' order by claim_no, seq"
    return [str(row["data"]) for row in system.rows(query, job_id)]


def job_of(app: str, address: str) -> int:
    return int(generation(app, address)["job"])


def generation(app: str, address: str) -> dict[str, Any]:
    """As the app tells a page of it: {"job", "prompt", "words", "stream"}."""
    found: dict[str, Any] = Api(app).get(f"/generations/{address.rpartition('/')[2]}")
    return found


# --- 2. cancelled from the page ----------------------------------------------------------------------


def cancel(system: System, app: str, window: Window) -> None:
    chapter(f"2. {MANY:,} words, cancelled by the button")
    job_id = job_of(app, window.ask("Tell me everything.", MANY))
    until(lambda: shown(window) > 200, "200 characters")
    window.cancel()
    until(lambda: window.state() == "aborted", "the window sees the end")
    said = emitted(system, job_id)
    seconds = seconds_to_stop(system, job_id)
    say(f"the job ends {1000 * seconds:.0f} ms after it was asked to, at word {len(said)} of {MANY:,}")
    check(seconds < 2, "the worker stops at once")
    check(window.text() == "".join(said), "the window holds all that was said")
    window.ask("And now?", 5)
    until(lambda: window.state() == "succeeded", "the next one ends")
    check(emitted(system, job_id) == said, "the cancelled one is silent")
    say("the worker's one slot has done the next generation since")


def seconds_to_stop(system: System, job_id: int) -> float:
    """From the request in the database to the end there."""
    history = system.api.get(f"/v1/jobs/{job_id}/history")["items"]
    at = {event["type"]: datetime.fromisoformat(event["at"]) for event in history}
    return (at["aborted"] - at["abort_requested"]).total_seconds()


# --- 3. what stays closed ----------------------------------------------------------------------------


def stay_out(system: System, app: str, old: str) -> None:
    chapter("3. What the address of a stream opens")
    asked = {"prompt": "A secret.", "words": 5}
    mine, theirs = (Api(app).post("/generations", asked)["handle"] for _ in range(2))
    other, stream = (generation(app, handle)["stream"] for handle in (theirs, mine))
    path, _, token = stream.partition("?")
    rows = [
        ("the stream of its job", status(stream)),
        ("the stream of another job", status(f"{other.partition('?')[0]}?{token}")),
        ("the job itself", status(f"{path.removesuffix('/events')}?{token}")),
        (f"the first chapter's stream, its {TOKEN_SECONDS} s are over", status(old)),
        ("a generation whose name is guessed", status(f"{app}/generations/{'A' * len(mine)}")),
    ]
    table(("asked for", "status"), rows)
    check([*dict(rows).values()] == [200, 401, 401, 401, 404], "it opens nothing else")
    told = [secret for secret in (token, mine) if secret in system.processes.said()]
    check(not told, "no log has the token or the generation's name")
    say("neither the token nor the generation's name is in any log")


def status(address: str) -> int:
    """Once the answer has ended."""
    try:
        with OPENER.open(address, timeout=20) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
