"""What a page does, without a browser: a thread that reads the stream and comes back where it was."""

import contextlib
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse

from examples.support.api import OPENER, Api, Refused

# Seconds.
RETRY = 0.5


class LineReader:
    """`app` is the team's app, as for a page."""

    def __init__(self, app: str) -> None:
        self._app, self._address = Api(app), ""
        self._seen = _Seen()

    def ask(self, prompt: str, words: int) -> str:
        made = self._app.post("/generations", {"prompt": prompt, "words": words})
        self.go(f"{self._app.url}/g/{made['handle']}")
        return self._address

    def go(self, address: str) -> None:
        self._address = address
        self.reload()

    def reload(self) -> None:
        """The thread before ends with its connection, at the latest with the job."""
        self._seen.gone = True
        self._seen = _Seen()
        threading.Thread(target=_follow, args=(self._app, self._path(), self._seen), daemon=True).start()

    def text(self) -> str:
        return "".join(self._seen.pieces)

    def state(self) -> str:
        return self._seen.state

    def cancel(self) -> None:
        self._app.post(f"{self._path()}/cancel")

    def _path(self) -> str:
        return f"/generations/{self._address.rpartition('/')[2]}"


class Lines:
    """A window is a LineReader."""

    name = "a reader in Python"

    def __init__(self, app: str) -> None:
        self._app = app

    def window(self) -> LineReader:
        return LineReader(self._app)


class _Seen:
    """What one reader has got: `last` is the id of the last event, `claim` the run whose text it is."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.state, self.last, self.claim = "waiting", "", ""
        self.over = self.gone = False

    def take(self, event: dict[str, str]) -> None:
        data = json.loads(event["data"])
        self.last = event["id"]
        if event["event"] == "chunk":
            self._take_piece(data)
        elif event["event"] in ("state", "end"):
            self.state = data["status"]
            self.over = event["event"] == "end"

    def _take_piece(self, piece: str) -> None:
        """A run that begins anew says everything again."""
        claim = self.last.partition("-")[0]
        if claim != self.claim:
            self.pieces, self.claim = [], claim
        self.pieces.append(piece)


def _follow(app: Api, path: str, seen: _Seen) -> None:
    while not (seen.over or seen.gone):
        with contextlib.suppress(Refused, OSError, HTTPException):
            _read(app.get(path)["stream"], seen)
        time.sleep(RETRY)


def _read(stream: str, seen: _Seen) -> None:
    request = urllib.request.Request(stream, headers={"Last-Event-ID": seen.last} if seen.last else {})  # noqa: S310
    with OPENER.open(request, timeout=20) as answer:
        for event in _events(answer):
            if seen.gone:
                return
            seen.take(event)


def _events(answer: HTTPResponse) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in answer:
        text = line.decode().rstrip("\r\n")
        name, _, value = text.partition(": ")
        if not text and event:
            yield event
            event = {}
        elif text and not text.startswith(":"):
            event[name] = value
