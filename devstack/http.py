"""Requests to the stack's own API, with nothing but the standard library."""

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

RETRY_SECONDS = 15


class Unavailable(OSError):
    """503: the same request may succeed in a moment."""


@dataclass(frozen=True, slots=True)
class Api:
    """The API on 127.0.0.1. Never through a proxy that the shell may name."""

    port: int
    key: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def status(self, path: str) -> int:
        """The HTTP status, 0 while nobody answers."""
        try:
            return self._request("GET", path, None)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def problem(self, path: str) -> str:
        """What the API says is wrong."""
        try:
            answer = json.loads(self._request("GET", path, None)[1])
            return str(answer.get("detail") or answer.get("title"))
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            return "it doesn't answer"

    def get(self, path: str, timeout: float = 10) -> dict[str, Any]:
        return self._json("GET", path, None, timeout)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A 503 is repeated for a while: after a restart of the database the API is on its way back."""
        end = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                return self._json("POST", path, body, 10)
            except Unavailable:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def _json(self, method: str, path: str, body: dict[str, Any] | None, timeout: float) -> dict[str, Any]:
        status, text = self._request(method, path, body, timeout)
        if status == 503:
            raise Unavailable(f"{method} {path} answered 503: {text[:300]}")
        if status >= 400:
            raise OSError(f"{method} {path} answered {status}: {text[:300]}")
        answer = json.loads(text)
        return answer if isinstance(answer, dict) else {"answer": answer}

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None, timeout: float = 10
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()
