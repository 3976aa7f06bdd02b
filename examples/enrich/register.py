"""The outside API: a register of companies that is overloaded now and then."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

TOWNS = {"acme": "Bremen", "bolt": "Turin", "cargo": "Lyon", "delta": "Graz", "echo": "Porto"}
# Their first question is answered 503.
BUSY = {"bolt", "delta"}


@contextmanager
def register() -> Iterator[str]:
    """Its URL, as long as it serves."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Companies) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class Companies(BaseHTTPRequestHandler):
    """GET /acme is 200 with its town, 404 where nobody knows it, or 503."""

    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        name = self.path.strip("/")
        self.asked[name] += 1
        if name in BUSY and self.asked[name] == 1:
            return self._answer(503, {"error": "come back in a second"})
        if name not in TOWNS:
            return self._answer(404, {"error": "no such company"})
        return self._answer(200, {"name": name, "town": TOWNS[name]})

    def _answer(self, status: int, body: dict[str, str]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Not into the story."""
